"""Calls the gateway at the address it is given with OpenAI's client, and prints what it heard as JSON."""

import asyncio
import json
import sys

import openai

BASE_URL = sys.argv[1]
SETTINGS = {"base_url": BASE_URL, "api_key": "unused", "timeout": 60}
MESSAGES = [{"role": "user", "content": "hello"}]
ASKED = {"model": "mock/echo", "messages": MESSAGES}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
CALLING = {**ASKED, "tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "weather"}}}

client = openai.OpenAI(**SETTINGS)
completions = client.chat.completions


def mock(**options):
    return {"extra_body": {"antiphon": {"provider_options": {"mock": options}}}}


def complete():
    answer = completions.create(**ASKED, **mock(reply="Good day."))
    usage = answer.usage
    return {
        "model": answer.model,
        "text": answer.choices[0].message.content,
        "finish_reason": answer.choices[0].finish_reason,
        "adds_up": 0 < usage.total_tokens == usage.prompt_tokens + usage.completion_tokens,
    }


def stream():
    options = {"stream": True, "stream_options": {"include_usage": True}, **mock(reply="one two three")}
    chunks = list(completions.create(**ASKED, **options))
    choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
    pieces = [choice.delta.content for choice in choices if choice.delta.content]
    return {
        "text": "".join(pieces),
        "pieces": len(pieces),
        "finish_reason": choices[-1].finish_reason,
        "usage": chunks[-1].usage.completion_tokens > 0,
    }


async def stream_async():
    async with openai.AsyncOpenAI(**SETTINGS) as own:
        chunks = await own.chat.completions.create(**ASKED, stream=True, **mock(reply="one two three"))
        return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks])


def parse():
    schema = WEATHER["function"]["parameters"] | {"properties": {"n": {"type": "integer"}}, "required": ["n"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "count", "strict": True, "schema": schema}}
    answer = completions.create(**ASKED, response_format=wanted, **mock(reply='{"n":4}'))
    return json.loads(answer.choices[0].message.content)


def called(choice):
    [call] = choice.message.tool_calls
    return {
        "name": call.function.name,
        "arguments": json.loads(call.function.arguments),
        "finish_reason": choice.finish_reason,
    }


def tool():
    return called(completions.create(**CALLING).choices[0])


def tool_stream():
    with completions.stream(**CALLING) as events:
        return called(events.get_final_completion().choices[0])


def tool_result():
    message = completions.create(**CALLING).choices[0].message
    result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "sunny"}
    answer = completions.create(model="mock/echo", messages=[*MESSAGES, message, result], tools=[WEATHER])
    return answer.choices[0].finish_reason


def context():
    ids = {"x-source-agent": "planner", "x-session-id": "s-1", "x-trace-id": "t-1"}
    headers = completions.with_raw_response.create(**ASKED, extra_headers=ids).headers
    return {name: headers[name] for name in ids}


def refused(**changes):
    try:
        completions.create(**(ASKED | changes))
    except openai.APIStatusError as error:
        return [type(error).__name__, error.status_code, error.code, error.body["antiphon"]["reason"]]


def broken_stream():
    text = ""
    options = mock(reply="one two three", fault="upstream_reset", fault_after_tokens=2)
    try:
        for chunk in completions.create(**ASKED, stream=True, **options):
            text += chunk.choices[0].delta.content or ""
    except openai.APIError as error:
        return [text, type(error).__name__, error.code]


heard = {
    "complete": complete(),
    "stream": stream(),
    "stream_async": asyncio.run(stream_async()),
    "parse": parse(),
    "tool": tool(),
    "tool_stream": tool_stream(),
    "tool_result": tool_result(),
    "models": [model.id for model in client.models.list()],
    "model": client.models.retrieve("mock/echo").id,
    "context": context(),
    "unknown_model": refused(model="gpt-99"),
    "model_not_allowed": refused(model="mock/other"),
    "bad_value": refused(temperature=9),
    "overloaded": refused(**mock(fault="upstream_overloaded")),
    "broken_stream": broken_stream(),
}
print(json.dumps(heard))
