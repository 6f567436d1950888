// Calls a model over gRPC: unary, streaming, and in a way that is refused.
package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"

	antiphon "antiphon-example/gen/antiphon/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

func main() {
	address := cmp.Or(os.Getenv("ANTIPHON_ADDRESS"), "127.0.0.1:50051")
	connection := must(grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials())))
	llm := antiphon.NewLlmServiceClient(connection)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "x-source-agent", "go-example", "x-session-id", "session-1",
		"x-trace-id", fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64()))

	answer := must(llm.Complete(ctx, ask("Hello!", "")))
	fmt.Println("complete:", answer.GetContent()[0].GetText())
	fmt.Print("stream: ")
	stream := must(llm.StreamComplete(ctx, ask("Hello again!", "")))
	for message, err := stream.Recv(); err != io.EOF; message, err = stream.Recv() {
		fmt.Print(must(message, err).GetTextDelta().GetText())
	}

	_, err := llm.Complete(ctx, ask("Hello?", "no-such-model"))
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			fmt.Println("\nrefused:", status.Code(err), info.GetReason())
		}
	}
	used := answer.GetContext()
	fmt.Println("context:", used.GetSourceAgent(), used.GetSessionId(), used.GetTraceId())
}

func ask(text, model string) *antiphon.CompleteRequest {
	content := []*antiphon.Part{{Part: &antiphon.Part_Text{Text: text}}}
	messages := []*antiphon.Message{{Role: antiphon.Role_ROLE_USER, Content: content}}
	return &antiphon.CompleteRequest{Model: model, Messages: messages}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
