package stellar;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * As much of HTTP/1.1 (RFC 9112) as the function needs behind a platform: requests with a Content-Length on kept
 * connections, a thread for each. The JDK's own server brings a hundred classes into the cold start.
 */
public final class Server {
    private static final int MAX_HEAD = 64 << 10; // bytes
    private static final int MAX_CMDS = 1 << 20; // how much of a body that may ask for micro-tests is kept

    public static void main(String[] args) throws IOException {
        String port = Measure.env("PORT");
        if (!Params.digits(port)) {
            System.err.println(
                "measure: PORT is not set: nothing to serve (a Lambda runtime calls stellar.Measure::handle)");
            System.exit(1);
        }
        new Server(Integer.parseInt(port), Measure.env("STELLAR_TIMEOUT_SECONDS")).run();
    }

    private final int port;
    private final double timeoutNs;

    Server(int port, String timeoutSeconds) {
        this.port = port;
        double ns = Measure.LONGEST_TIMEOUT;
        try {
            ns = timeoutSeconds.isEmpty() ? ns : Double.parseDouble(timeoutSeconds) * 1e9;
        } catch (NumberFormatException e) {
            // Not told.
        }
        timeoutNs = ns;
    }

    /** Answers until the process is ended. */
    void run() throws IOException {
        try (ServerSocket server = new ServerSocket(port, 1024, InetAddress.getByAddress(new byte[4]))) {
            Measure.INSTANCE.ready();
            while (true) {
                final Socket socket = server.accept();
                Thread thread = new Thread(new Runnable() {
                    @Override
                    public void run() {
                        converse(socket);
                    }
                });
                thread.setDaemon(true);
                try {
                    thread.start();
                } catch (OutOfMemoryError e) {
                    socket.close(); // there is no further thread to be had: the others are served on
                }
            }
        }
    }

    private void converse(Socket socket) {
        try (Socket s = socket) {
            s.setTcpNoDelay(true);
            InputStream in = new BufferedInputStream(s.getInputStream());
            while (one(in, s)) {
                continue;
            }
        } catch (IOException e) {
            // The client has gone.
        }
    }

    /** Answers one request and says whether the connection is kept. */
    private boolean one(InputStream in, Socket socket) throws IOException {
        int[] left = {MAX_HEAD};
        String first = line(in, left);
        if (first == null) {
            return false;
        }
        Map<String, String> fields = new LinkedHashMap<>();
        for (String line = line(in, left); line != null && !line.isEmpty(); line = line(in, left)) {
            int colon = line.indexOf(':');
            if (colon > 0) {
                fields.putIfAbsent(line.substring(0, colon).toLowerCase(Locale.ROOT), line.substring(colon + 1).trim());
            }
        }
        Map<String, Object> instance = Measure.INSTANCE.claim();
        boolean keep = !"close".equalsIgnoreCase(fields.get("connection"));
        Measure.Answer answer;
        try {
            Map<String, String> params = query(first);
            byte[] kept = readBody(in, fields, params.containsKey("PayloadSHA256"));
            String token = fields.get("x-stellar-token");
            answer = Measure.answer(instance, Instance.now(), requestId(fields),
                token == null ? "" : token, params, kept, timeoutNs);
        } catch (Refused e) {
            keep = false;
            answer = Measure.Answer.refusal(e);
        }
        byte[] text = answer.text.getBytes(StandardCharsets.UTF_8);
        String reason = reason(answer.status);
        ByteArrayOutputStream out = new ByteArrayOutputStream(text.length + 200);
        out.write(("HTTP/1.1 " + answer.status + " " + reason + "\r\nContent-Type: application/json\r\nContent-Length: "
            + text.length + "\r\nConnection: " + (keep ? "keep-alive" : "close") + "\r\n\r\n")
            .getBytes(StandardCharsets.UTF_8));
        if (!first.startsWith("HEAD ")) {
            out.write(text);
        }
        out.writeTo(socket.getOutputStream());
        return keep;
    }

    private static String reason(int status) {
        switch (status) {
            case 200:
                return "OK";
            case 401:
                return "Unauthorized";
            case 411:
                return "Length Required";
            case 422:
                return "Unprocessable Content";
            case 429:
                return "Too Many Requests";
            case 502:
                return "Bad Gateway";
            case 504:
                return "Gateway Timeout";
            default:
                return "Bad Request";
        }
    }

    private static String line(InputStream in, int[] left) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream(80);
        for (int c = in.read(); c != '\n'; c = in.read()) {
            if (c < 0) {
                return null;
            }
            if (--left[0] < 0) {
                throw new IOException("the head is too long");
            }
            out.write(c);
        }
        String text = out.toString(StandardCharsets.UTF_8);
        return text.endsWith("\r") ? text.substring(0, text.length() - 1) : text;
    }

    /** Reads the body to its end so that the connection can be kept; it gives a payload, or what asks for something. */
    private static byte[] readBody(InputStream in, Map<String, String> fields, boolean payload)
            throws IOException, Refused {
        if (fields.containsKey("transfer-encoding")) {
            throw new Refused(411, "this function wants a Content-Length with a body");
        }
        String length = fields.get("content-length");
        if (length == null) {
            return new byte[0];
        }
        if (!Params.digits(length) || length.length() > 18) {
            throw new Refused(400, "Content-Length is not a number");
        }
        ByteArrayOutputStream kept = new ByteArrayOutputStream();
        byte[] buffer = new byte[1 << 16];
        for (long left = Long.parseLong(length); left > 0;) {
            int n = in.read(buffer, 0, (int) Math.min(left, buffer.length));
            if (n < 0) {
                throw new EOFException("the request's body broke off");
            }
            left -= n;
            if (payload || kept.size() < MAX_CMDS && (kept.size() > 0 || buffer[0] == '{')) {
                kept.write(buffer, 0, n);
            }
        }
        return kept.toByteArray();
    }

    /** The platform's name for the request. Anyone may send such a header: a long one is ignored. */
    private static String requestId(Map<String, String> fields) {
        for (String name : new String[] {"x-request-id", "x-cloud-trace-context", "cf-ray"}) {
            String id = fields.get(name);
            if (id != null && !id.isEmpty() && id.length() <= 256) {
                return id;
            }
        }
        return null;
    }

    /** The query as gateways give it: a parameter given twice is joined, so that it is refused in the same way. */
    private static Map<String, String> query(String first) throws Refused {
        Map<String, String> out = new LinkedHashMap<>();
        int from = first.indexOf('?');
        int to = first.lastIndexOf(' ');
        if (from < 0 || to < from) {
            return out;
        }
        try {
            for (String pair : first.substring(from + 1, to).split("&")) {
                int equals = pair.indexOf('=');
                String name = URLDecoder.decode(equals < 0 ? pair : pair.substring(0, equals), StandardCharsets.UTF_8);
                String value = equals < 0 ? "" : URLDecoder.decode(pair.substring(equals + 1), StandardCharsets.UTF_8);
                out.put(name, out.containsKey(name) ? out.get(name) + "," + value : value);
            }
        } catch (IllegalArgumentException e) {
            throw new Refused(400, "the query cannot be read: " + e.getMessage());
        }
        return out;
    }
}
