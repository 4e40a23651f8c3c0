// A Drover worker in Java's standard library: `java Worker.java`, nothing to build. A job is the absolute path of a file;
// its result is the file's SHA-256.

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

import static java.nio.charset.StandardCharsets.UTF_8;

public class Worker {
    /** No retry would help: the job becomes a dead letter of this class. */
    static class Refused extends Exception {
        final String kind;

        Refused(String kind, String reason) {
            super(reason);
            this.kind = kind;
        }
    }

    static String work(String payload) throws Exception {
        if (!payload.startsWith("/") || payload.indexOf('\0') >= 0) {
            throw new Refused("InvalidPath", "the payload has to be the absolute path of a file");
        }
        Path path = Path.of(payload);
        if (Files.exists(path) && !Files.isRegularFile(path)) {
            throw new Refused("NotAFile", path + " is no regular file");
        }
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        long bytes;
        try (var file = new DigestInputStream(Files.newInputStream(path), digest)) {
            bytes = file.transferTo(OutputStream.nullOutputStream());
        }
        String sha256 = HexFormat.of().formatHex(digest.digest());
        System.out.println(sha256 + "  " + path);
        return "{\"sha256\":\"%s\",\"bytes\":%d}".formatted(sha256, bytes);
    }

    static void take(HttpExchange job) throws IOException {
        String payload = new String(job.getRequestBody().readAllBytes(), UTF_8);
        String text;
        try {
            text = work(payload);
        } catch (Refused refused) {
            answer(job, 422, refused.getMessage(), refused.kind);
            return;
        } catch (NoSuchFileException error) { // not there yet
            answer(job, 503, error.toString(), "FileNotFound");
            return;
        } catch (Exception error) {
            answer(job, 503, error.toString(), "FileNotReadable");
            return;
        }
        answer(job, 200, text, null);
    }

    static void answer(HttpExchange job, int status, String text, String error) throws IOException {
        byte[] body = text.getBytes(UTF_8);
        if (error != null) job.getResponseHeaders().set("Drover-Error", error);
        job.sendResponseHeaders(status, body.length);
        try (OutputStream out = job.getResponseBody()) {
            out.write(body);
        }
    }

    public static void main(String[] arguments) throws IOException {
        System.setProperty("sun.net.httpserver.nodelay", "true");
        System.setProperty("sun.net.httpserver.idleInterval", "86400"); // s: the sidecar decides when its connection ends
        int port = Integer.parseInt(System.getenv("PORT"));
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
        var jobs = Executors.newCachedThreadPool();
        server.setExecutor(jobs);
        server.createContext("/", Worker::take);

        // SIGTERM: no further job is begun, and those in hand are answered.
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            jobs.shutdown();
            try {
                jobs.awaitTermination(1, TimeUnit.HOURS); // or until we are killed
            } catch (InterruptedException stopped) {
                return;
            }
            System.out.flush();
            Runtime.getRuntime().halt(0);
        }));
        server.start();
        System.out.printf("{\"message\":\"listening\",\"port\":%d}%n", server.getAddress().getPort());
    }
}
