"""Calls a model with OpenAI's client: unary, streaming, and in a way that is refused."""

import os
import uuid

import openai

BASE_URL = os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8080/v1")
CONTEXT = {
    "x-source-agent": "openai-python-example",
    "x-session-id": "session-1",
    "x-trace-id": uuid.uuid4().hex,
}


def ask(text):
    return [{"role": "user", "content": text}]


def main():
    client = openai.OpenAI(base_url=BASE_URL, api_key="unused", default_headers=CONTEXT, timeout=30)
    completions = client.chat.completions

    answer = completions.with_raw_response.create(model="", messages=ask("Hello!"))
    print("complete:", answer.parse().choices[0].message.content)

    print("stream: ", end="")
    with completions.create(model="", messages=ask("Hello again!"), stream=True) as stream:
        for chunk in stream:
            print(chunk.choices[0].delta.content or "", end="", flush=True)
    print()

    try:
        completions.create(model="no-such-model", messages=ask("Hello?"))
    except openai.NotFoundError as error:
        print("refused:", error.code, error.body["antiphon"]["reason"])

    print("context:", *(answer.headers[name] for name in CONTEXT))


if __name__ == "__main__":
    main()
