import antiphon.v1.Completion.CompleteRequest;
import antiphon.v1.Completion.Message;
import antiphon.v1.Completion.Part;
import antiphon.v1.Completion.Role;
import antiphon.v1.LlmServiceGrpc;
import com.google.rpc.ErrorInfo;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.MetadataUtils;
import java.util.UUID;

/** Calls a model over gRPC: unary, streaming, and in a way that is refused. */
public class Main {
  public static void main(String[] arguments) throws Exception {
    var address = System.getenv().getOrDefault("ANTIPHON_ADDRESS", "127.0.0.1:50051");
    var channel = Grpc.newChannelBuilder(address, InsecureChannelCredentials.create()).build();
    var ids = new Metadata();
    put(ids, "x-source-agent", "java-example");
    put(ids, "x-session-id", "session-1");
    put(ids, "x-trace-id", UUID.randomUUID().toString().replace("-", ""));
    var llm = LlmServiceGrpc.newBlockingStub(channel)
        .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(ids));

    var answer = llm.complete(ask("Hello!", ""));
    System.out.println("complete: " + answer.getContent(0).getText());

    System.out.print("stream: ");
    llm.streamComplete(ask("Hello again!", ""))
        .forEachRemaining(message -> System.out.print(message.getTextDelta().getText()));
    System.out.println();

    try {
      llm.complete(ask("Hello?", "no-such-model"));
    } catch (StatusRuntimeException error) {
      for (var detail : StatusProto.fromThrowable(error).getDetailsList())
        if (detail.is(ErrorInfo.class))
          System.out.println("refused: " + error.getStatus().getCode() + " " + detail.unpack(ErrorInfo.class).getReason());
    }

    var used = answer.getContext();
    System.out.println("context: " + used.getSourceAgent() + " " + used.getSessionId() + " " + used.getTraceId());
    channel.shutdownNow();
  }

  private static CompleteRequest ask(String text, String model) {
    var message = Message.newBuilder().setRole(Role.ROLE_USER).addContent(Part.newBuilder().setText(text));
    return CompleteRequest.newBuilder().setModel(model).addMessages(message).build();
  }

  private static void put(Metadata metadata, String key, String value) {
    metadata.put(Metadata.Key.of(key, Metadata.ASCII_STRING_MARSHALLER), value);
  }
}
