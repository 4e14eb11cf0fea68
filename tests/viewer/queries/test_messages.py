"""Messages are readable whoever recorded them, and nothing makes a page fail."""

from __future__ import annotations

import json

import pytest

from otelml.viewer.queries.messages import messages_of

OPENINFERENCE = {
    "openinference.span.kind": "LLM",
    "input.value": '{"messages": "..."}',
    "llm.input_messages.1.message.role": "user",
    "llm.input_messages.1.message.contents.0.message_content.type": "text",
    "llm.input_messages.1.message.contents.0.message_content.text": "May Ada borrow?",
    "llm.input_messages.0.message.role": "system",
    "llm.input_messages.0.message.content": "You lend.",
    "llm.output_messages.0.message.role": "assistant",
    "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "score",
    "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"id": 7}',
}
PARTS = [
    {"role": "user", "parts": [{"type": "text", "content": "May Ada borrow?"}]},
    {"role": "tool", "parts": [{"type": "tool_call_response", "response": "0.9"}]},
]
ANSWER = [
    {
        "role": "assistant",
        "parts": [
            {"type": "text", "content": "Let me see."},
            {"type": "tool_call", "name": "score", "arguments": {"id": 7}},
        ],
    }
]


def flat(said):
    return [(m["direction"], m["role"], m["content"]) for m in messages_of(said)]


def test_openinference():
    assert flat(OPENINFERENCE) == [
        ("in", "system", "You lend."),
        ("in", "user", "May Ada borrow?"),
        ("out", "assistant", 'score({"id": 7})'),
    ]


@pytest.mark.parametrize("write", [json.dumps, lambda value: value], ids=["json", "structured"])
def test_generative_ai(write):
    said = {
        "gen_ai.system_instructions": write([{"type": "text", "content": "You lend."}]),
        "gen_ai.input.messages": write(PARTS),
        "gen_ai.output.messages": write(ANSWER),
    }
    assert flat(said) == [
        ("in", "system", "You lend."),
        ("in", "user", "May Ada borrow?"),
        ("in", "tool", "0.9"),
        ("out", "assistant", 'Let me see.\nscore({"id": 7})'),
    ]


def test_messages_stand_in_the_order_of_their_numbers():
    """The tenth comes after the ninth."""
    said = {f"llm.input_messages.{n}.message.content": str(n) for n in range(12)}
    assert [content for *_, content in flat(said)] == [str(n) for n in range(12)]


def test_openllmetry_and_documents_and_whole_values():
    assert flat({"gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "Hi",
                 "gen_ai.completion.0.content": "Ho"}) == [
        ("in", "user", "Hi"), ("out", "assistant", "Ho"),
    ]  # fmt: skip
    assert flat({"retrieval.documents.0.document.content": "a text",
                 "retrieval.documents.0.document.score": 0.5}) == [("out", "document", "a text")]  # fmt: skip
    assert flat({"input.value": "2 + 2", "output.value": 4}) == [
        ("in", "input", "2 + 2"), ("out", "output", "4"),
    ]  # fmt: skip
    assert flat({"http.route": "/"}) == []


@pytest.mark.parametrize(
    "said",
    [
        {"gen_ai.input.messages": "[not json"},
        {"gen_ai.input.messages": "[" * 50_000},
        {"gen_ai.input.messages": [None, 3, [], {"parts": 5}, {"tool_calls": [None, "x"]}]},
        {"llm.input_messages.0": "x", "llm.input_messages.0.message.content": "y"},
        {"llm.input_messages.x.message": 1, "llm.input_messages.": 2},
        {"gen_ai.output.messages": {"role": 3, "content": {"0": "a"}}},
        {f"llm.input_messages.{n}.message.content": "x" for n in range(1000)},
    ],
)
def test_whatever_is_sent_it_answers(said):
    found = messages_of(said)
    assert len(found) <= 200
    assert all(isinstance(m["content"], str) and isinstance(m["role"], str) for m in found)
    json.dumps(found)
