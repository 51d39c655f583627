"""What plays a part of an installation that is not here."""
