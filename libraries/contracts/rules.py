"""The rules of a trace contract, applied to one trace; see contract.py for what each rule says."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from traces.backends import NOT_KEPT
from traces.model import Span, Trace
from traces.text import contains, content, decode, haystack, leaves

_LONGEST = 200  # characters of a value in a violation's line
_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "json": lambda value: isinstance(value, str) and decode(value) is not None,
}
_SELECTOR = re.compile(r"(?P<kind>\*|[A-Z]+)(:(?P<name>[^\[\]]+))?(\[(?P<status>[A-Z]+)\])?")
_TREE = re.compile(r"(?P<how>each|no) (?P<span>\S.*?) (?P<direct>directly )?below (?P<above>\S.*)")
_ORDER = re.compile(
    r"(?P<which>each|first|last) (?P<span>\S.*) (?P<how>after|before) (?P<all>any|every) (?P<other>\S.*)"
)
_TEXT = re.compile(r"(?P<which>each|first|last) (?P<span>\S.*) (?P<part>input|output|error)")
_IN = re.compile(r"(?P<which>first|last|next|previous|every|any) (?P<span>\S.*) (?P<part>input|output)")


class ContractError(ValueError):
    """A contract that cannot be read or used; the message says what is wrong, where."""


@dataclass(frozen=True)
class Expectation:
    """What is known of the question that the trace is about.

    `session` is the contextId, `canaries` are the texts that the tools must have answered, one a tool call;
    `tool_calls` is their number unless given.
    """

    session: str
    question: str
    canaries: Sequence[str] = ()
    tool_calls: int | None = None

    def value(self, reference: object) -> Any:  # noqa: ANN401 - whatever the reference stands for
        """Return what `$session`, `$question` or `$tool_calls` stands for, anything else as it is."""
        values = {
            "$session": self.session,
            "$question": self.question,
            "$tool_calls": len(self.canaries) if self.tool_calls is None else self.tool_calls,
        }
        return values.get(reference, reference) if isinstance(reference, str) else reference


@dataclass(frozen=True)
class Violation:
    """One way in which a trace breaks its contract."""

    rule: str
    path: str
    expected: str
    seen: str

    def __str__(self) -> str:
        """Return the violation as one line."""
        return " ".join(f"{self.rule}: {self.path}: expected {self.expected}, seen {self.seen}".split())


def check_sentences(sections: Mapping[str, Any]) -> None:
    """Raise ContractError where a sentence of a contract is none that the rules know."""
    for name, pattern in (("tree", _TREE), ("order", _ORDER)):
        for sentence in sections.get(name, {}).values():
            _parsed(pattern, sentence)
    for rule in sections.get("causality", {}).values():
        _parsed(_IN, rule["in"])
        if not rule["text"].startswith("$"):
            _parsed(_TEXT, rule["text"])


def _selects(selector: str, span: Span) -> bool:
    match = _SELECTOR.fullmatch(selector)
    return match is not None and (
        match["kind"] in ("*", span.kind)
        and fnmatchcase(span.name, match["name"] or "*")
        and match["status"] in (None, span.status)
    )


def _specificity(selector: str) -> tuple[bool, bool]:
    match = _SELECTOR.fullmatch(selector)
    return (match is not None and match["name"] is not None, not selector.startswith("*"))


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({len(text)} characters)"


_TOKENS: Mapping[str, Sequence[str]] = {
    "prompt": ("llm.token_count.prompt", "gen_ai.usage.input_tokens"),
    "completion": ("llm.token_count.completion", "gen_ai.usage.output_tokens"),
    "total": ("llm.token_count.total", "gen_ai.usage.total_tokens"),
}


def _tokens(span: Span) -> dict[str, set[int]]:
    """Return a span's prompt, completion and total tokens; more than one where its conventions disagree."""
    found = {
        part: {int(span.attributes[name]) for name in names if name in span.attributes}
        for part, names in _TOKENS.items()
    }
    if found["prompt"] and found["completion"] and not found["total"]:
        found["total"] = {sum(max(found[part]) for part in ("prompt", "completion"))}
    return {part: values for part, values in found.items() if values}


def _adds_up(tokens: Mapping[str, set[int]]) -> bool:
    if any(len(values) > 1 for values in tokens.values()) or len(tokens) != len(_TOKENS):
        return False
    prompt, completion, total = (max(tokens[part]) for part in _TOKENS)
    return prompt + completion == total


class Judge:
    """Applies one contract to one trace: a generator of violations for each section."""

    def __init__(self, sections: Mapping[str, Any], trace: Trace, expectation: Expectation) -> None:
        """Take a contract's sections, the trace and what is known of its question."""
        self.sections = sections
        self.trace = trace
        self.expectation = expectation
        self.spans = sorted(trace.spans, key=lambda span: (span.start_ns, span.end_ns, span.span_id))
        self.not_kept = NOT_KEPT[trace.backend]

    def rules(self) -> Iterator[Iterator[Violation]]:
        """Yield the violations section by section."""
        yield self._spans()
        sections: Mapping[str, Callable[[Any], Iterator[Violation]]] = {
            "roots": self._roots,
            "orphans": self._orphans,
            "counts": self._counts,
            "tree": self._tree,
            "time": self._time,
            "order": self._order,
            "attributes": self._attributes,
            "scopes": self._scopes,
            "identity": self._identity,
            "causality": self._causality,
            "canaries": self._canaries,
            "tokens": self._tokens,
            "status": self._status,
            "events": self._events,
            "state": self._state,
            "secrets": self._secrets,
        }
        for name, section in sections.items():
            if name in self.sections:
                yield section(self.sections[name])

    def _violation(self, rule: str, span: Span | None, expected: str, seen: object) -> Violation:
        path = f"{self.trace.path(span)} [{span.span_id}]" if span else f"trace {self.trace.trace_id}"
        texts = (path, expected, seen if isinstance(seen, str) else _short(seen))
        return Violation(rule, *(self._masked(text) for text in texts))

    def _masked(self, text: str) -> str:
        for pattern in self.sections.get("secrets", {}).get("texts", {}).values():
            text = re.sub(pattern, "(secret)", text)
        return text

    def _select(self, selector: str) -> list[Span]:
        return [span for span in self.spans if _selects(selector, span)]

    def _which(self, which: str, selector: str) -> list[Span]:
        found = self._select(selector)
        return {"first": found[:1], "last": found[-1:]}.get(which, found)

    def _spans(self) -> Iterator[Violation]:
        ids = Counter(span.span_id for span in self.spans)
        for span in self.trace.by_id.values():
            if ids[span.span_id] > 1:
                yield self._violation(
                    "spans.unique-id", span, "a span id of its own", f"{ids[span.span_id]} spans with it"
                )
        for span in self.spans:
            if span.trace_id != self.trace.trace_id:
                yield self._violation(
                    "spans.trace-id", span, f"trace id {self.trace.trace_id}", span.trace_id
                )

    def _roots(self, section: Mapping[str, Any]) -> Iterator[Violation]:
        roots = self.trace.roots
        if "count" in section:
            yield from self._count("roots.count", "roots", section["count"], roots)
        for span in roots:
            if "span" in section and not _selects(section["span"], span):
                yield self._violation("roots.span", span, section["span"], f"{span.kind}:{span.name}")

    def _orphans(self, section: Mapping[str, Any]) -> Iterator[Violation]:
        for span in self.spans:
            if span.parent_id is None:
                continue
            top = (self.trace.ancestors(span) or [span])[-1]
            if span.parent_id not in self.trace.by_id:
                if not any(_selects(selector, span) for selector in section["allowed"]):
                    yield self._violation(
                        "orphans.allowed",
                        span,
                        "a parent in the trace",
                        f"parent {span.parent_id}, which is not",
                    )
            elif top.parent_id in self.trace.by_id:
                yield self._violation(
                    "orphans.allowed", span, "ancestors that lead to a root", "a loop of parents"
                )

    def _counts(self, section: Mapping[str, Any]) -> Iterator[Violation]:
        named = [selector for selector in section if selector != "other"]
        for selector, count in section.items():
            if selector == "other":
                found = [span for span in self.spans if not any(_selects(other, span) for other in named)]
            else:
                found = self._select(selector)
            yield from self._count(f"counts.{selector}", f"{selector} spans", count, found)

    def _count(self, rule: str, what: str, count: object, found: Sequence[Span]) -> Iterator[Violation]:
        limits = count if isinstance(count, dict) else {"min": count, "max": count}
        low = self.expectation.value(limits.get("min", 0))
        high = self.expectation.value(limits.get("max"))
        if len(found) < low or (high is not None and len(found) > high):
            expected = f"{low}" if low == high else f"at least {low}" if high is None else f"{low} to {high}"
            seen = f"{len(found)} ({', '.join(span.name for span in found)})" if found else "none"
            yield self._violation(rule, None, f"{expected} {what}", seen)

    def _tree(self, section: Mapping[str, str]) -> Iterator[Violation]:
        for name, sentence in section.items():
            rule = _parsed(_TREE, sentence)
            for span in self._select(rule["span"]):
                above = self.trace.ancestors(span)[: 1 if rule["direct"] else None]
                below = any(_selects(rule["above"], ancestor) for ancestor in above)
                if below != (rule["how"] == "each"):
                    seen = f"below {above[0].kind}:{above[0].name}" if above else "no parent in the trace"
                    yield self._violation(f"tree.{name}", span, sentence, seen)

    def _time(self, section: Mapping[str, float]) -> Iterator[Violation]:
        for span in self.spans:
            if span.end_ns < span.start_ns:
                yield self._violation(
                    "time.duration",
                    span,
                    "an end after the start",
                    f"an end {(span.start_ns - span.end_ns) / 1e6:.3f} ms before it",
                )
        for span in self.spans:
            parent = self.trace.by_id.get(span.parent_id or "")
            root = next(iter(self.trace.roots), None)
            for key, outer in (("outside_parent_ms", parent), ("outside_root_ms", root)):
                if outer is None or key not in section:
                    continue
                outside = max(outer.start_ns - span.start_ns, span.end_ns - outer.end_ns) / 1e6
                if outside > section[key]:
                    yield self._violation(
                        f"time.{key.removesuffix('_ms').replace('_', '-')}",
                        span,
                        f"at most {section[key]} ms outside {outer.name} [{outer.span_id}]",
                        f"{outside:.3f} ms",
                    )

    def _order(self, section: Mapping[str, str]) -> Iterator[Violation]:
        for name, sentence in section.items():
            rule = _parsed(_ORDER, sentence)
            for span in self._which(rule["which"], rule["span"]):
                others = [other for other in self._select(rule["other"]) if other is not span]
                fits = [
                    other.end_ns <= span.start_ns if rule["how"] == "after" else span.end_ns <= other.start_ns
                    for other in others
                ]
                if not (all(fits) if rule["all"] == "every" else any(fits)):
                    wrong = [other.span_id for other, fit in zip(others, fits, strict=True) if not fit]
                    seen = f"not so for {', '.join(wrong)}" if wrong else f"no {rule['other']}"
                    yield self._violation(f"order.{name}", span, sentence, seen)

    def _attributes(self, section: Mapping[str, Any]) -> Iterator[Violation]:
        for selector, rules in section.items():
            for span in self._select(selector):
                for name, check in rules.get("required", {}).items():
                    values = [value for key, value in span.attributes.items() if fnmatchcase(key, name)]
                    wrong = [self._wrong(check, value) for value in values]
                    if not values or all(wrong):
                        expected = next(filter(None, wrong), None) or self._described(check)
                        yield self._violation(
                            f"attributes.{selector}.{name}",
                            span,
                            f"attribute {name} to be {expected}",
                            values[0] if values else "no such attribute",
                        )
                for name in rules.get("forbidden", ()):
                    for key in span.attributes:
                        if fnmatchcase(key, name):
                            yield self._violation(
                                f"attributes.{selector}.forbidden", span, f"no attribute {name}", key
                            )

    def _described(self, check: Mapping[str, Any]) -> str:
        words = {
            "type": "of type",
            "pattern": "matching",
            "equals": "equal to",
            "one_of": "one of",
            "minimum": "at least",
        }
        parts = [f"{words[key]} {_short(self.expectation.value(value))}" for key, value in check.items()]
        return " and ".join(parts) or "there"

    def _wrong(self, check: Mapping[str, Any], value: object) -> str | None:
        """Return what the value should have been, None where it is right."""
        tests: Mapping[str, Callable[[Any], bool]] = {
            "type": lambda wanted: _TYPES[wanted](value),
            "pattern": lambda wanted: re.search(wanted, str(value)) is not None,
            "equals": lambda wanted: value == self.expectation.value(wanted),
            "one_of": lambda wanted: value in wanted,
            "minimum": lambda wanted: _TYPES["number"](value) and value >= wanted,
        }
        broken = {key: wanted for key, wanted in check.items() if not tests[key](wanted)}
        return self._described(broken) if broken else None

    def _scopes(self, section: Mapping[str, Any]) -> Iterator[Violation]:
        if "scope" in self.not_kept:
            return
        for span in self.spans:
            if not any(re.search(pattern, span.scope or "") for pattern in section["allowed"]):
                yield self._violation(
                    "scopes.allowed", span, f"a scope of {', '.join(section['allowed'])}", span.scope
                )

    def _identity(self, section: Mapping[str, Any]) -> Iterator[Violation]:
        for name, rule in section.items():
            if "resource" in rule and "resource" in self.not_kept:
                continue
            key = rule.get("attribute") or rule["resource"]
            values = {
                id(span): (span.resource if "resource" in rule else span.attributes).get(key)
                for span in self.spans
            }
            first = next((value for value in values.values() if value is not None), None)
            for span in self.spans:
                value = values[id(span)]
                if value is None:
                    if "required_on" in rule and _selects(rule["required_on"], span):
                        yield self._violation(f"identity.{name}", span, f"{key} on it", "none")
                elif (wrong := self._wrong(rule.get("is", {}), value)) is not None:
                    yield self._violation(f"identity.{name}", span, f"{key} {wrong}", value)
                elif value != first:
                    yield self._violation(
                        f"identity.{name}", span, f"one {key} in the trace, {_short(first)}", value
                    )

    def _causality(self, section: Mapping[str, Any]) -> Iterator[Violation]:
        for name, rule in section.items():
            target = _parsed(_IN, rule["in"])
            for what, span, text in self._texts(rule["text"]):
                if text is None:
                    yield self._violation(f"causality.{name}", span, what, "none")
                    continue
                goals = self._goals(target, span)
                where = f"{what} in the {target['part']} of the {target['which']} {target['span']}"
                if not goals:
                    yield self._violation(f"causality.{name}", span, where, f"no such {target['span']}")
                    continue
                missing = [goal for goal in goals if not contains(haystack(goal, target["part"]), text)]
                if missing and (target["which"] != "any" or len(missing) == len(goals)):
                    seen = content(missing[0], target["part"]) or haystack(missing[0], target["part"])
                    yield self._violation(
                        f"causality.{name}",
                        missing[0],
                        f"{where}: {_short(text)}",
                        seen[-1] if len(seen) == 1 else seen,
                    )

    def _texts(self, reference: str) -> Iterator[tuple[str, Span | None, str | None]]:
        """Yield (what it is, the span it is of, the text); no text where the span has none."""
        if reference == "$question":
            yield "the question", None, self.expectation.question
        elif reference == "$canaries":
            if not self.expectation.canaries:
                raise ContractError("The contract needs canaries: pass them with the question.")
            for canary in self.expectation.canaries:
                yield f"the canary {canary}", None, canary
        else:
            rule = _parsed(_TEXT, reference)
            for span in self._which(rule["which"], rule["span"]):
                what = f"the {rule['part']} of {span.name} [{span.span_id}]"
                texts = content(span, rule["part"])
                yield from ((what, span, text) for text in texts)
                if not texts:
                    yield what, span, None

    def _goals(self, target: Mapping[str, str], span: Span | None) -> list[Span]:
        found = [other for other in self._which(target["which"], target["span"]) if other is not span]
        if span is not None and target["which"] == "next":
            return [other for other in found if other.start_ns >= span.end_ns][:1]
        if span is not None and target["which"] == "previous":
            earlier = [other for other in found if other.end_ns <= span.start_ns]
            return sorted(earlier, key=lambda other: other.end_ns)[-1:]
        return found

    def _canaries(self, section: Mapping[str, Any]) -> Iterator[Violation]:
        own = set(self.expectation.canaries)
        for span in self.spans:
            text = "\n".join(text for _, text in _everything(span))
            for canary in sorted(set(re.findall(section["pattern"], text)) - own):
                yield self._violation(
                    "canaries.foreign", span, f"no canary but {', '.join(sorted(own)) or 'none'}", canary
                )

    def _tokens(self, section: Mapping[str, Any]) -> Iterator[Violation]:
        counts = [(span, tokens) for span in self.spans if (tokens := _tokens(span))]
        for span, tokens in counts:
            seen = ", ".join(f"{part} {' or '.join(map(str, sorted(tokens[part])))}" for part in tokens)
            if "counted_by" in section and not _selects(section["counted_by"], span):
                expected = f"tokens only on {section['counted_by']} spans"
                yield self._violation("tokens.counted-by", span, expected, seen)
            if "add_up" in section and not _adds_up(tokens):
                yield self._violation(
                    "tokens.add-up", span, "one count each, prompt + completion = total", seen
                )
        if "counted_once" in section:
            yield from self._counted_once(counts)
        if "trace_total" in section and "tokens" not in self.not_kept:
            total = {part: sum(max(tokens.get(part, {0})) for _, tokens in counts) for part in _TOKENS}
            shown = {part: (self.trace.tokens or {}).get(part, 0) for part in _TOKENS}
            if shown != total:
                yield self._violation("tokens.trace-total", None, f"the sum over the spans, {total}", shown)

    def _counted_once(self, counts: Sequence[tuple[Span, Mapping[str, set[int]]]]) -> Iterator[Violation]:
        for number, (span, tokens) in enumerate(counts):
            for other, others in counts[:number]:
                within = span.end_ns <= other.end_ns or span.start_ns == other.start_ns
                if tokens == others and within:
                    seen = f"the same tokens at the same time on {other.name} [{other.span_id}]"
                    yield self._violation("tokens.counted-once", span, "each call to be counted once", seen)

    def _status(self, section: Mapping[str, Any]) -> Iterator[Violation]:
        for span in self.spans:
            selectors = [selector for selector in section if _selects(selector, span)]
            if selectors:
                selector = max(selectors, key=_specificity)
                allowed = _listed(section[selector])
                if span.status not in allowed:
                    seen = f"{span.status} {span.status_message}".strip()
                    yield self._violation(
                        f"status.{selector}", span, f"status {' or '.join(allowed)}", _short(seen)
                    )

    def _events(self, section: Mapping[str, Any]) -> Iterator[Violation]:
        for name, rule in section.items():
            wanted = rule.get("requires") or rule["forbids"]
            keys = rule.get("attributes", ())
            for span in self.spans:
                if span.status not in _listed(rule["status"]):
                    continue
                found = [
                    event
                    for event in span.events
                    if event.name == wanted and all(event.attributes.get(key) for key in keys)
                ]
                if bool(found) != ("requires" in rule):
                    expected = f"{'an' if 'requires' in rule else 'no'} event {wanted}"
                    expected += f" with {', '.join(keys)}" if keys else ""
                    seen = ", ".join(f"{event.name} ({', '.join(event.attributes)})" for event in span.events)
                    yield self._violation(
                        f"events.{name}",
                        span,
                        f"{expected}, as its status is {span.status}",
                        seen or "no event",
                    )

    def _state(self, wanted: str) -> Iterator[Violation]:
        if "state" not in self.not_kept and self.trace.state != wanted:
            yield self._violation("state.trace", None, f"trace state {wanted}", self.trace.state)

    def _secrets(self, section: Mapping[str, Any]) -> Iterator[Violation]:
        keys = re.compile(section.get("keys", "(?!)"))
        redacted = re.compile(section.get("redacted", "(?!)"))
        for span in self.spans:
            found: dict[tuple[str, str], int] = {}
            for path, text in _everything(span):
                for name, pattern in section.get("texts", {}).items():
                    if (match := re.search(pattern, text)) is not None:
                        found.setdefault((f"secrets.{name}", path), len(match[0]))
                if text and keys.search(re.sub(r"(\.\d+)+$", "", path)) and not redacted.fullmatch(text):
                    found.setdefault(("secrets.keys", path), len(text))
            for (rule, path), length in found.items():
                yield self._violation(
                    rule, span, f"no secret in {path}", f"a text of {length} characters, not shown"
                )


def _everything(span: Span) -> Iterator[tuple[str, str]]:
    """Yield (where, text) for all texts of a span."""
    yield "name", span.name
    yield "status message", span.status_message
    for where, attributes in (
        ("attribute", span.attributes),
        ("resource", span.resource),
        *((f"event {event.name}", event.attributes) for event in span.events),
    ):
        for key, value in attributes.items():
            yield from leaves(value, f"{where} {key}")


def _listed(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value


def _parsed(pattern: re.Pattern[str], sentence: str) -> Mapping[str, str]:
    match = pattern.fullmatch(sentence)
    parts = match.groupdict() if match else {"span": ""}
    if any(not _SELECTOR.fullmatch(parts[key]) for key in ("span", "above", "other") if key in parts):
        raise ContractError(f"{sentence!r} is no sentence that a contract knows.")
    return parts
