import com.sun.net.httpserver.HttpServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.logging.Logger;

/** A service that calls itself: each round is a client's span and a record. */
public class Sender {
    public static void main(String[] arguments) throws Exception {
        int rounds = Integer.parseInt(arguments[0]);
        Logger log = Logger.getLogger("sender");
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/predict", exchange -> {
            byte[] body = "ünïcode 🔥".getBytes("UTF-8");
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.start();
        URI url = URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/predict");
        HttpClient client = HttpClient.newHttpClient();
        for (int round = 0; round < rounds; round++) {
            client.send(HttpRequest.newBuilder(url).build(), HttpResponse.BodyHandlers.ofString());
            log.info("round " + round);
        }
        server.stop(0);
    }
}
