"""A good trace with one defect breaks the rule that is meant for it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import pytest

from contracts.contract import Contract
from contracts.judgement import evaluate
from tests.contracts.mutations import (
    KEY,
    MS,
    Mutation,
    added,
    attribute,
    below,
    both,
    changed,
    computed,
    cut,
    edited,
    everywhere,
    exception,
    lost,
    moved,
    overflowed,
    pick,
    removed,
    without_canary,
)
from tests.contracts.recordings import Recording, recorded, recordings, shared_contract
from traces.model import Event


@dataclass(frozen=True)
class Case:
    """A defect: what it is, the recording it is made in, how, and the rule that must find it."""

    defect: str
    rule: str
    mutate: Mutation
    recording: str = "one-tool"


JWT = "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0NSJ9." + "c2lnbmF0dXJlMTIz"

PUBLIC = "public/01-send-v03"
SOME_FAIL, LATE_FAIL = "one-of-several-tools-fails", "model-fails-after-tool"


HOUR = 3_600_000  # milliseconds


def all_moved(milliseconds: int) -> Mutation:
    """Move every span in time."""
    by = milliseconds * MS
    return everywhere(lambda span: replace(span, start_ns=span.start_ns + by, end_ns=span.end_ns + by))


def with_another_model(attributes: Mapping[str, object]) -> dict[str, object]:
    """Return attributes in which the scripted model is another one, wherever it is named."""
    return {
        key: re.sub(r"\bscripted(-1)?\b", "gpt-9", value) if isinstance(value, str) else value
        for key, value in attributes.items()
    }


def other(name: str) -> Mutation:
    """Add a span of an instrumentation that is not OpenInference's, as if all was well with it."""
    return added(
        "AGENT", lambda _, span: {"name": name, "kind": None, "status": "OK", "parent_id": span.span_id}
    )


CASES = [
    # which spans there are
    Case("model call removed", "counts.LLM", removed("LLM 2")),
    Case("tool call removed", "counts.TOOL", removed("TOOL")),
    Case("tool call removed", "counts.TOOL", removed("TOOL 2"), "several-tools"),
    Case("graph removed", "orphans.allowed", removed("CHAIN:LangGraph")),
    Case("graph removed", "counts.CHAIN:LangGraph", removed("CHAIN:LangGraph")),
    Case("chain removed", "counts.CHAIN", removed("CHAIN:tools_condition 2")),
    Case("root removed", "roots.count", removed("AGENT")),
    Case("agent removed", "counts.AGENT", removed("AGENT")),
    Case("tool call duplicated", "counts.TOOL", added("TOOL", lambda *_: {})),
    Case("model call duplicated", "tokens.counted-once", added("LLM 1", lambda *_: {})),
    Case(
        "span delivered twice",
        "spans.unique-id",
        added("CHAIN:tools", lambda _, span: {"span_id": span.span_id}),
    ),
    Case("second root", "roots.count", added("AGENT", lambda *_: {})),
    Case("tool cut from the tree", "roots.count", changed("TOOL", parent_id=None)),
    Case("root of another name", "roots.span", changed("AGENT", name="POST /")),
    Case("root of another kind", "roots.span", changed("AGENT", kind="CHAIN")),
    Case(
        "foreign agent below ours",
        "counts.AGENT",
        added("AGENT", lambda _, span: {"parent_id": span.span_id}),
    ),
    Case("span of another trace", "spans.trace-id", changed("TOOL", trace_id="0" * 32)),
    Case("tool of another kind", "counts.TOOL", changed("TOOL", kind="CHAIN")),
    Case("model call of another kind", "counts.LLM", changed("LLM 1", kind="CHAIN")),
    Case("span of an unknown kind", "counts.other", changed("LLM 1", kind="EMBEDDING")),
    Case("span of no kind", "counts.other", changed("CHAIN:tools_condition", kind=None)),
    # how they hang together
    Case("parent not in the trace", "orphans.allowed", changed("CHAIN:tools", parent_id="0" * 16)),
    Case("loop of parents", "orphans.allowed", below("CHAIN:LangGraph", "CHAIN:tools")),
    Case("graph below a chain", "tree.graph-below-agent", below("CHAIN:LangGraph", "CHAIN:tools")),
    Case(
        "chain outside the agent", "tree.chain-below-agent", changed("CHAIN:tools_condition", parent_id=None)
    ),
    Case("model call below the agent", "tree.model-call-below-graph", below("LLM 1", "AGENT")),
    Case("model call below the agent", "tree.model-call-below-node", below("LLM 1", "AGENT")),
    Case("tool below the graph", "tree.tool-below-tools", below("TOOL", "CHAIN:LangGraph")),
    Case("tool below a model call", "tree.nothing-below-model-call", below("TOOL", "LLM 1")),
    Case("model call below the tool", "tree.nothing-below-tool", below("LLM 2", "TOOL")),
    Case("model node below tools", "tree.model-node-below-graph", below("CHAIN:assistant 2", "CHAIN:tools")),
    Case(
        "tools below the model node", "tree.tools-node-below-graph", below("CHAIN:tools", "CHAIN:assistant")
    ),
    # when
    Case("clock an hour ahead", "time.now", all_moved(HOUR)),
    Case("clock a day behind", "time.now", all_moved(-24 * HOUR)),
    Case("one span an hour ahead", "time.now", moved("TOOL", HOUR)),
    Case(
        "spans that take no time",
        "patterns.same-times",
        everywhere(lambda span: replace(span, end_ns=span.start_ns)),
    ),
    Case(
        "the same times everywhere",
        "patterns.same-times",
        lambda trace: everywhere(
            lambda span: replace(span, start_ns=trace.roots[0].start_ns, end_ns=trace.roots[0].end_ns)
        )(trace),
    ),
    Case(
        "start and end swapped",
        "time.duration",
        computed("TOOL", lambda _, span: {"start_ns": span.end_ns, "end_ns": span.start_ns}),
    ),
    Case(
        "tool longer than its parent",
        "time.outside-parent",
        computed("TOOL", lambda _, span: {"end_ns": span.end_ns + 50 * MS}),
    ),
    Case(
        "model call before its parent",
        "time.outside-parent",
        computed("LLM 1", lambda _, span: {"start_ns": span.start_ns - 50 * MS}),
    ),
    Case(
        "graph outlives the agent",
        "time.outside-root",
        computed("CHAIN:LangGraph", lambda trace, _: {"end_ns": trace.roots[0].end_ns + 5 * MS}),
    ),
    Case(
        "root ends early",
        "time.outside-root",
        computed("AGENT", lambda _, span: {"end_ns": span.start_ns + 5 * MS}),
    ),
    Case("clock of one service is off", "time.outside-parent", moved("TOOL", -3_600_000)),
    Case(
        "tool called before the model",
        "order.model-asked-first",
        computed(
            "TOOL",
            lambda trace, _: {"start_ns": trace.roots[0].start_ns, "end_ns": trace.roots[0].start_ns + 1},
        ),
    ),
    Case(
        "last model call before the tool's end",
        "order.model-answers-last",
        computed("LLM 2", lambda trace, _: {"start_ns": pick(trace, "TOOL").end_ns - 1}),
    ),
    # attributes
    *(
        Case("every text cut", "patterns.attributes-cut", cut(256), recording)
        for recording in ("one-tool", PUBLIC, "genai/genai")
    ),
    Case("oldest attributes dropped", "patterns.attributes-dropped", overflowed("LLM 2", 128)),
    Case(
        "question in the names",
        "patterns.names-carry-question",
        everywhere(lambda span: replace(span, name=f"{span.name} {span.attributes.get('input.value')}")),
    ),
    Case("question lost", "attributes.AGENT.input.value", lost("AGENT", "input.value")),
    Case(
        "another question",
        "attributes.AGENT.input.value",
        attribute("AGENT", "input.value", "What is the weather in Rome?"),
    ),
    Case("answer lost", "attributes.AGENT.output.value", lost("AGENT", "output.value")),
    Case("answer empty", "attributes.AGENT.output.value", attribute("AGENT", "output.value", " ")),
    Case("answer not a text", "attributes.AGENT.output.value", attribute("AGENT", "output.value", 42)),
    Case("operation lost", "attributes.AGENT.gen_ai.operation.name", lost("AGENT", "gen_ai.operation")),
    Case(
        "another operation",
        "attributes.AGENT.gen_ai.operation.name",
        attribute("AGENT", "gen_ai.operation.name", "chat"),
    ),
    Case("provider lost", "attributes.AGENT.gen_ai.provider.name", lost("AGENT", "gen_ai.provider")),
    Case(
        "another agent",
        "attributes.AGENT.gen_ai.agent.name",
        attribute("AGENT", "gen_ai.agent.name", "currency-agent"),
    ),
    Case("session lost on the agent", "attributes.AGENT.session.id", lost("AGENT", "session.id")),
    Case("session lost below it", "attributes.*.session.id", lost("TOOL", "session.id")),
    Case("chain's input lost", "attributes.CHAIN.input.value", lost("CHAIN:tools", "input.value")),
    Case("model's input lost", "attributes.LLM.input.value", lost("LLM 1", "input.value")),
    Case(
        "model's input cut",
        "attributes.LLM.input.value",
        edited("LLM 1", "input.value", lambda text: text[:100]),
    ),
    Case(
        "model's output cut",
        "attributes.LLM.output.value",
        edited("LLM 2", "output.value", lambda text: text[:100]),
    ),
    Case("MIME type lost", "attributes.LLM.input.mime_type", lost("LLM 1", "input.mime_type")),
    Case("model's name lost", "attributes.LLM.llm.model_name", lost("LLM 1", "llm.model_name")),
    Case(
        "messages lost",
        "attributes.LLM.llm.input_messages.*.message.role",
        lost("LLM 1", "llm.input_messages"),
    ),
    Case(
        "answer's role lost",
        "attributes.LLM.llm.output_messages.0.message.role",
        lost("LLM 1", "llm.output_messages.0.message.role"),
    ),
    Case(
        "prompt tokens lost", "attributes.LLM.llm.token_count.prompt", lost("LLM 1", "llm.token_count.prompt")
    ),
    Case(
        "completion tokens zero",
        "attributes.LLM.llm.token_count.completion",
        attribute("LLM 1", "llm.token_count.completion", 0),
    ),
    Case(
        "tokens as text",
        "attributes.LLM.llm.token_count.total",
        edited("LLM 1", "llm.token_count.total", str),
    ),
    Case(
        "both conventions on one call",
        "attributes.LLM.forbidden",
        attribute("LLM 1", "gen_ai.usage.input_tokens", 1),
    ),
    Case("another model's name", "model.named", attribute("LLM 1", "llm.model_name", "gpt-9")),
    Case("another model's name", "model.named", attribute("LLM 1", "llm.model_name", "gpt-9"), PUBLIC),
    Case("another model's name", "model.named", attribute("LLM 1", "llm.model_name", "gpt-9"), "genai/genai"),
    *(
        Case(
            "another model than the agent is configured to use",
            "model.configured",
            everywhere(lambda span: replace(span, attributes=with_another_model(span.attributes))),
            recording,
        )
        for recording in ("one-tool", "no-tool", PUBLIC, "genai/genai")
    ),
    Case("tool's name lost", "attributes.TOOL.tool.name", lost("TOOL", "tool.name")),
    Case("another tool", "attributes.TOOL.tool.name", attribute("TOOL", "tool.name", "send_mail")),
    Case("tool's input lost", "attributes.TOOL.input.value", lost("TOOL", "input.value")),
    Case("tool's output lost", "attributes.TOOL.output.value", lost("TOOL", "output.value")),
    # whose
    Case(
        "foreign instrumentation",
        "scopes.allowed",
        changed("CHAIN:tools", scope="opentelemetry.instrumentation.httpx"),
        PUBLIC,
    ),
    Case("foreign session on the agent", "identity.session", attribute("AGENT", "session.id", "another")),
    Case("foreign session on one span", "identity.session", attribute("TOOL", "session.id", "another")),
    Case(
        "foreign conversation",
        "identity.conversation",
        attribute("AGENT", "gen_ai.conversation.id", "another"),
    ),
    Case(
        "second user",
        "identity.user",
        both(attribute("AGENT", "user.id", "alice"), attribute("TOOL", "user.id", "bob")),
    ),
    Case(
        "foreign service", "identity.service", changed("TOOL", resource={"service.name": "currency-service"})
    ),
    Case("service lost", "identity.service", changed("TOOL", resource={})),
    # what follows from what
    Case(
        "model not asked the question",
        "causality.question-reaches-model",
        edited("LLM 1", "llm.input_messages.1.message.content", lambda _: "Hello"),
    ),
    Case(
        "tool asked for another city",
        "causality.model-chooses-tool-input",
        attribute("TOOL", "input.value", "Bergen"),
    ),
    Case(
        "tool's output changed on its way",
        "causality.tool-output-reaches-model",
        edited("LLM 2", "llm.input_messages.3.message.contents.0.message_content.text", without_canary),
    ),
    Case(
        "two tools' inputs exchanged",
        "patterns.tools-mixed-up",
        both(attribute("TOOL 1", "input.value", "Rome"), attribute("TOOL 2", "input.value", "Paris")),
        "several-tools",
    ),
    Case(
        "model does not get the tool's output",
        "causality.tool-output-reaches-model",
        lost("LLM 2", "llm.input_messages.3"),
    ),
    Case(
        "model does not get one of three outputs",
        "causality.tool-output-reaches-model",
        lost("LLM 2", "llm.input_messages.4"),
        "several-tools",
    ),
    Case("no model call after the tool", "causality.tool-output-reaches-model", moved("LLM 2", -3_600_000)),
    Case(
        "answer not the model's",
        "causality.model-output-is-the-answer",
        attribute("AGENT", "output.value", "It is cold."),
    ),
    Case(
        "answer cut",
        "causality.model-output-is-the-answer",
        edited("AGENT", "output.value", lambda text: text[:-5]),
    ),
    Case(
        "model's answer lost",
        "causality.model-output-is-the-answer",
        lost("LLM 2", "llm.output_messages.0.message.content"),
    ),
    Case(
        "canary changed in the tool's output",
        "causality.canary-comes-from-tool",
        edited("TOOL", "output.value", without_canary),
    ),
    Case(
        "one of three canaries changed",
        "causality.canary-comes-from-tool",
        edited("TOOL 1", "output.value", without_canary),
        "several-tools",
    ),
    Case(
        "tool's output cut",
        "causality.tool-output-reaches-model",
        edited("TOOL", "output.value", lambda text: text[: len(text) // 3]),
    ),
    Case(
        "model does not get the canary",
        "causality.canary-reaches-model",
        edited("LLM 2", "llm.input_messages.3.message.contents.0.message_content.text", without_canary),
    ),
    Case(
        "canary not in the answer",
        "causality.canary-reaches-answer",
        edited("AGENT", "output.value", without_canary),
    ),
    Case(
        "model does not get the tool's error",
        "causality.error-reaches-model",
        edited("LLM 2", "llm.input_messages.3.message.content", lambda _: "Error"),
        "tool-fails",
    ),
    Case(
        "canary of another question",
        "canaries.foreign",
        edited("CHAIN:tools 1", "output.value", lambda text: text + " WX-12345678"),
    ),
    Case(
        "canary where no tool was called",
        "canaries.foreign",
        edited("AGENT", "output.value", lambda text: text + " WX-12345678"),
        "no-tool",
    ),
    # tokens
    *(
        Case(
            "half of the prompt's tokens counted",
            "tokens.billed",
            both(
                edited("LLM 1", "llm.token_count.prompt", lambda count: count // 2),
                edited("LLM 1", "llm.token_count.total", lambda count: count // 2),
            ),
            recording,
        )
        for recording in ("one-tool", PUBLIC)
    ),
    Case("tokens that were billed lost", "tokens.billed", lost("LLM 2", "llm.token_count")),
    Case("wrong sum", "tokens.add-up", edited("LLM 1", "llm.token_count.total", lambda count: count + 1)),
    Case("conventions disagree", "tokens.add-up", attribute("LLM 1", "gen_ai.usage.output_tokens", 1)),
    Case("tokens on the agent too", "tokens.counted-by", attribute("AGENT", "llm.token_count.total", 9)),
    Case(
        "call counted by a second instrumentation",
        "tokens.counted-once",
        added(
            "LLM 1",
            lambda _, span: {
                "name": "openai.chat",
                "start_ns": span.start_ns + 10,
                "end_ns": span.end_ns - 10,
            },
        ),
    ),
    Case(
        "backend's sum doubled",
        "tokens.trace-total",
        lambda trace: replace(
            trace, tokens={part: 2 * count for part, count in (trace.tokens or {}).items()}
        ),
        "one-tool",
    ),
    Case(
        "backend has no sum",
        "tokens.trace-total",
        lambda trace: replace(trace, tokens=None),
        "one-tool",
    ),
    Case("model call's tokens lost", "tokens.trace-total", lost("LLM 1", "llm.token_count"), "one-tool"),
    # how it went
    Case(
        "failed chain",
        "status.*",
        changed("CHAIN:tools", status="ERROR", events=exception(type="E", message="no")),
    ),
    Case(
        "failed agent",
        "status.AGENT",
        changed("AGENT", status="ERROR", events=exception(type="E", message="no")),
    ),
    Case("failed tool shown as good", "status.TOOL", changed("TOOL", status="OK", events=()), "tool-fails"),
    Case(
        "failed model call shown as good", "status.*", changed("LLM", status="OK", events=()), "model-fails"
    ),
    Case(
        "failed agent shown as good", "status.AGENT", changed("AGENT", status="OK", events=()), "model-fails"
    ),
    Case("error without its exception", "events.error-says-why", changed("TOOL", events=()), "tool-fails"),
    Case(
        "exception without its message",
        "events.error-says-why",
        changed("TOOL", events=exception(type="E")),
        "tool-fails",
    ),
    Case(
        "exception on a good span",
        "events.no-exception-without-error",
        changed("TOOL", events=exception(type="E", message="no")),
    ),
    Case(
        "tokens for a failed call",
        "attributes.LLM.forbidden",
        attribute("LLM", "llm.token_count.total", 9),
        "model-fails",
    ),
    Case(
        "trace never finished",
        "state.trace",
        lambda trace: replace(trace, state="IN_PROGRESS"),
        "one-tool",
    ),
    Case("trace failed", "state.trace", lambda trace: replace(trace, state="ERROR"), "tool-fails"),
    Case(
        "failed trace shown as good",
        "state.trace",
        lambda trace: replace(trace, state="OK"),
        "model-fails",
    ),
    # one of several tools fails
    Case(
        "failed tool among good ones shown as good",
        "counts.TOOL[ERROR]",
        changed("TOOL[ERROR]", status="OK", events=()),
        SOME_FAIL,
    ),
    Case(
        "second tool fails too",
        "counts.TOOL[ERROR]",
        changed("TOOL[OK] 2", status="ERROR", events=exception(type="E", message="no")),
        SOME_FAIL,
    ),
    Case("failed tool removed", "counts.TOOL", removed("TOOL[ERROR]"), SOME_FAIL),
    Case(
        "good tool's output lost",
        "attributes.TOOL[OK].output.value",
        lost("TOOL[OK] 2", "output.value"),
        SOME_FAIL,
    ),
    Case(
        "model does not get a good tool's output",
        "causality.good-output-reaches-model",
        edited("TOOL[OK]", "output.value", without_canary),
        SOME_FAIL,
    ),
    Case(
        "another error than the model got",
        "causality.error-reaches-model",
        changed("TOOL[ERROR]", events=exception(type="E", message="another")),
        SOME_FAIL,
    ),
    Case(
        "answer without the error",
        "causality.error-reaches-answer",
        edited("AGENT", "output.value", lambda text: text.replace("Atlantis", "Paris")),
        SOME_FAIL,
    ),
    Case("tool neither good nor failed", "status.TOOL", changed("TOOL[OK]", status="UNSET"), SOME_FAIL),
    Case(
        "failed tool's exception lost", "events.error-says-why", changed("TOOL[ERROR]", events=()), SOME_FAIL
    ),
    Case(
        "one good tool's canary changed",
        "canaries.foreign",
        edited("TOOL[OK] 2", "output.value", lambda text: re.sub("WX-.{8}", "WX-12345678", text)),
        SOME_FAIL,
    ),
    # the model fails after the tool answered
    Case(
        "failed model call shown as good",
        "counts.LLM[ERROR]",
        changed("LLM 2", status="OK", events=()),
        LATE_FAIL,
    ),
    Case(
        "first model call fails too",
        "counts.LLM[ERROR]",
        changed("LLM 1", status="ERROR", events=exception(type="E", message="no")),
        LATE_FAIL,
    ),
    Case(
        "failed node shown as good",
        "counts.CHAIN:assistant[ERROR]",
        changed("CHAIN:assistant 2", status="OK", events=()),
        LATE_FAIL,
    ),
    Case(
        "model failed before the tool",
        "order.model-fails-after-tool",
        computed("LLM 2", lambda trace, _: {"start_ns": pick(trace, "TOOL").end_ns - 1}),
        LATE_FAIL,
    ),
    Case(
        "good call's output lost", "attributes.LLM[OK].output.value", lost("LLM 1", "output.value"), LATE_FAIL
    ),
    Case(
        "good call's messages lost",
        "attributes.LLM[OK].llm.output_messages.0.message.role",
        lost("LLM 1", "llm.output_messages"),
        LATE_FAIL,
    ),
    *(
        Case(
            f"good call's {part} tokens lost",
            f"attributes.LLM[OK].llm.token_count.{part}",
            lost("LLM 1", f"llm.token_count.{part}"),
            LATE_FAIL,
        )
        for part in ("prompt", "completion", "total")
    ),
    Case(
        "tokens for the failed call",
        "attributes.LLM[ERROR].forbidden",
        attribute("LLM 2", "llm.token_count.total", 9),
        LATE_FAIL,
    ),
    Case(
        "failed graph shown as good",
        "status.CHAIN:LangGraph",
        changed("CHAIN:LangGraph", status="OK", events=()),
        LATE_FAIL,
    ),
    Case("failed agent shown as good", "status.AGENT", changed("AGENT", status="OK", events=()), LATE_FAIL),
    Case(
        "good tool shown as failed",
        "status.*",
        changed("TOOL", status="ERROR", events=exception(type="E", message="no")),
        LATE_FAIL,
    ),
    Case("failed trace shown as good", "state.trace", lambda trace: replace(trace, state="OK"), LATE_FAIL),
    # the public agent
    Case(
        "choice below the tools",
        "tree.choice-below-model-node",
        below("CHAIN:tools_condition", "CHAIN:tools"),
        PUBLIC,
    ),
    Case("orphan of another name", "orphans.allowed", changed("CHAIN:LangGraph", name="assistant"), PUBLIC),
    Case(
        "conversation lost",
        "attributes.AGENT.gen_ai.conversation.id",
        lost("AGENT", "gen_ai.conversation"),
        PUBLIC,
    ),
    Case("MLflow's type lost", "attributes.AGENT.mlflow.spanType", lost("AGENT", "mlflow.spanType"), PUBLIC),
    Case(
        "MLflow's name lost", "attributes.AGENT.mlflow.traceName", lost("AGENT", "mlflow.traceName"), PUBLIC
    ),
    Case(
        "canary changed",
        "causality.canary-comes-from-tool",
        edited("TOOL", "output.value", lambda text: text.replace("54.3", "54.4")),
        PUBLIC,
    ),
    Case(
        "tool's failure hidden",
        "attributes.TOOL.output.value",
        edited("TOOL", "output.value", lambda text: text.replace("Error", "")),
        "public/08-tool-raises",
    ),
    Case(
        "model call shown as good",
        "status.LLM",
        changed("LLM", status="OK", events=()),
        "public/11-model-500",
    ),
    Case(
        "node shown as good",
        "status.CHAIN:assistant",
        changed("CHAIN:assistant", status="OK", events=()),
        "public/11-model-500",
    ),
    Case(
        "graph shown as good",
        "status.CHAIN:LangGraph",
        changed("CHAIN:LangGraph", status="OK", events=()),
        "public/11-model-500",
    ),
    Case(
        "model call not shown as failed", "status.*:openai.chat", other("openai.chat"), "public/11-model-500"
    ),
    Case("request shown as good", "status.*:POST", other("POST"), "public/11-model-500"),
    Case("call not shown as failed", "status.*:tools/call *", other("tools/call x"), "public/08-tool-raises"),
    # what any agent's root has
    *(
        Case(
            "root without attributes", f"attributes.ROOT.{names}", changed("AGENT", attributes={}), recording
        )
        for recording in ("one-tool", PUBLIC, "genai/genai")
        for names in (
            "session.id|gen_ai.conversation.id|mlflow.trace.session",
            "input.value|mlflow.spanInputs|gen_ai.prompt|gen_ai.input.messages",
            "output.value|mlflow.spanOutputs|gen_ai.completion|gen_ai.output.messages",
        )
    ),
    # GenAI instrumentation, alone and beside OpenInference
    Case("model call below the tool", "tree.model-call-below-agent", below("LLM 2", "TOOL"), "genai/genai"),
    Case("tool below a model call", "tree.tool-below-agent", below("TOOL", "LLM 1"), "genai/genai"),
    Case(
        "agent's model lost",
        "attributes.AGENT.gen_ai.request.model",
        lost("AGENT", "gen_ai.request"),
        "genai/genai",
    ),
    Case(
        "another operation",
        "attributes.LLM.gen_ai.operation.name",
        attribute("LLM 1", "gen_ai.operation.name", "embeddings"),
        "genai/genai",
    ),
    Case(
        "provider lost",
        "attributes.LLM.gen_ai.provider.name",
        lost("LLM 1", "gen_ai.provider"),
        "genai/genai",
    ),
    Case(
        "requested model lost",
        "attributes.LLM.gen_ai.request.model",
        lost("LLM 1", "gen_ai.request"),
        "genai/genai",
    ),
    Case(
        "input tokens lost",
        "attributes.LLM.gen_ai.usage.input_tokens",
        lost("LLM 1", "gen_ai.usage.input"),
        "genai/genai",
    ),
    Case(
        "output tokens lost",
        "attributes.LLM.gen_ai.usage.output_tokens",
        lost("LLM 1", "gen_ai.usage.output"),
        "genai/genai",
    ),
    Case(
        "conversion lost tokens",
        "attributes.LLM.llm.token_count.total",
        lost("LLM 1", "llm.token_count"),
        "genai/genai",
    ),
    Case(
        "conversions disagree",
        "tokens.add-up",
        attribute("LLM 1", "llm.token_count.prompt", 1),
        "genai/genai",
    ),
    Case("session not converted", "attributes.AGENT.session.id", lost("AGENT", "session.id"), "genai/genai"),
    Case("kind not converted", "counts.other", changed("TOOL", kind=None), "genai/genai"),
    Case(
        "another operation",
        "attributes.TOOL.gen_ai.operation.name",
        lost("TOOL", "gen_ai.operation"),
        "genai/genai",
    ),
    Case("another tool", "attributes.TOOL.gen_ai.tool.name", lost("TOOL", "gen_ai.tool.name"), "genai/genai"),
    Case(
        "the same call by GenAI too",
        "tokens.counted-once",
        added(
            "LLM 2",
            lambda trace, _: {"name": "chat scripted", "parent_id": trace.roots[0].span_id},
        ),
        "genai/both-instrumentations",
    ),
    Case(
        "the same tool call by GenAI too",
        "counts.TOOL",
        added("TOOL", lambda *_: {"name": "execute_tool get_weather"}),
        "genai/both-instrumentations",
    ),
    Case(
        "one instrumentation off",
        "identity.instrumentations",
        everywhere(lambda span: replace(span, resource={"service.name": "weather-service"})),
        "genai/both-instrumentations",
    ),
    # secrets
    Case(
        "API key in parameters",
        "secrets.api-key",
        edited("LLM 1", "llm.invocation_parameters", lambda text: text[:-1] + f', "note": "{KEY}"}}'),
    ),
    Case(
        "API key as a parameter",
        "secrets.keys",
        edited("LLM 1", "llm.invocation_parameters", lambda text: text[:-1] + ', "api_key": "plain"}'),
    ),
    Case("password attribute", "secrets.keys", attribute("CHAIN:tools", "db.password", "plain")),
    Case(
        "authorization header",
        "secrets.keys",
        attribute("CHAIN:tools", "http.request.header.authorization", ["Basic eA=="]),
    ),
    Case(
        "bearer token in an event",
        "secrets.bearer-token",
        changed("TOOL", events=(Event("sent", 0, {"header": "Bearer " + "x7" * 12}),)),
    ),
    Case(
        "JSON web token in the input",
        "secrets.json-web-token",
        edited("CHAIN:LangGraph", "input.value", lambda text: text + JWT),
    ),
    Case(
        "private key in the resource",
        "secrets.private-key",
        changed(
            "TOOL",
            resource={"service.name": "weather-service", "pem": "-----BEGIN RSA PRIVATE " + "KEY-----"},
        ),
    ),
    Case(
        "password in an address",
        "secrets.address-with-password",
        attribute("CHAIN:tools", "url", "postgresql://mlflow:hunter2@postgres/mlflow"),
    ),
    Case(
        "password in a status message",
        "secrets.assigned-password",
        changed("TOOL", status_message="refused: password=hunter2000"),
    ),
]


# What a backend must keep for a rule to hold there.
NEEDS = {
    "scopes.allowed": "scope",
    "identity.service": "resource",
    "identity.instrumentations": "resource",
    "tokens.trace-total": "tokens",
    "state.trace": "state",
}
SHOWN = [
    pytest.param(case, recording, id=f"{recording.name}: {case.defect} ({case.rule})")
    for case in CASES
    for recording in recorded(case.recording)
    if NEEDS.get(case.rule) not in recording.trace.not_kept
]


@pytest.mark.parametrize(("case", "recording"), SHOWN)
def test_one_defect_breaks_its_rule(case: Case, recording: Recording) -> None:
    mutated = case.mutate(recording.trace)
    assert mutated != recording.trace
    found = evaluate(shared_contract(recording.contract), mutated, recording.expectation)
    assert case.rule in {violation.rule for violation in found}, [str(violation) for violation in found]


def test_every_rule_has_a_defect_that_breaks_it() -> None:
    contracts = {recording.contract for recording in recordings()}
    rules = {rule for contract in contracts for rule in rule_ids(shared_contract(contract))}
    assert rules - {case.rule for case in CASES} == set()


NAMES = {
    "description": (),
    "conventions": (),
    "oddities": (),
    "orphans": ("allowed",),
    "time": ("now", "duration", "outside-parent", "outside-root"),
    "scopes": ("allowed",),
    "canaries": ("foreign",),
    "tokens": ("counted-by", "add-up", "counted-once", "billed", "trace-total"),
    "state": ("trace",),
}


def rule_ids(contract: Contract) -> Iterator[str]:
    """Yield the ids of all rules a contract has."""
    yield from ("spans.unique-id", "spans.trace-id")
    for section, rules in contract.sections.items():
        names = NAMES.get(section, rules)
        if section == "attributes":
            names = [
                f"{selector}.{name}"
                for selector, checks in rules.items()
                for name in (*checks.get("required", ()), *(["forbidden"] if "forbidden" in checks else []))
            ]
        if section == "secrets":
            names = (*rules["texts"], "keys")
        yield from (f"{section}.{name}" for name in names)
