"""Calls a model over gRPC: unary, streaming, and in a way that is refused."""

import os
import uuid

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from antiphon.v1 import completion_pb2 as pb
from antiphon.v1.llm_service_pb2_grpc import LlmServiceStub

ADDRESS = os.environ.get("ANTIPHON_ADDRESS", "127.0.0.1:50051")
CONTEXT = (
    ("x-source-agent", "python-example"),
    ("x-session-id", "session-1"),
    ("x-trace-id", uuid.uuid4().hex),
)


def ask(text, model=""):
    message = pb.Message(role=pb.ROLE_USER, content=[pb.Part(text=text)])
    return pb.CompleteRequest(model=model, messages=[message])


def reason_of(error):
    info = error_details_pb2.ErrorInfo()
    for detail in rpc_status.from_call(error).details:
        if detail.Unpack(info):
            return info.reason
    return "none given"


def main():
    with grpc.insecure_channel(ADDRESS) as channel:
        llm = LlmServiceStub(channel)
        options = {"metadata": CONTEXT, "timeout": 30}

        answer = llm.Complete(ask("Hello!"), **options)
        print("complete:", "".join(part.text for part in answer.content))

        print("stream: ", end="")
        for message in llm.StreamComplete(ask("Hello again!"), **options):
            print(message.text_delta.text, end="", flush=True)
        print()

        try:
            llm.Complete(ask("Hello?", model="no-such-model"), **options)
        except grpc.RpcError as error:
            print("refused:", error.code().name, reason_of(error))

        context = answer.context
        print("context:", context.source_agent, context.session_id, context.trace_id)


if __name__ == "__main__":
    main()
