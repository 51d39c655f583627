"""A plugin for SeleniumLibrary: pages as people see them, in a real browser."""

from pages.browser import Browser

pages = Browser  # SeleniumLibrary takes from a plugin the class that is named as its folder

__all__ = ["pages"]
