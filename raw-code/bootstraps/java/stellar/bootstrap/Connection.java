package stellar.bootstrap;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/** One kept connection to the Runtime API: strictly one request after the other. */
final class Connection {
    /** The Runtime API does not answer any more. */
    static final class Gone extends Exception {
        private static final long serialVersionUID = 1;

        Gone(String why) {
            super(why);
        }
    }

    /** An answer of the API; the names of its fields are in lower case. */
    static final class Answer {
        int status;
        final Map<String, String> fields = new HashMap<>();
        byte[] body;

        String text() {
            return new String(body, StandardCharsets.UTF_8);
        }
    }

    private final String address;
    private Socket socket;
    private InputStream in;

    Connection(String address) {
        this.address = address;
    }

    Answer request(String method, String path, byte[] body, String fields) throws Gone {
        try {
            if (socket == null) {
                int colon = address.lastIndexOf(':');
                socket = new Socket(address.substring(0, colon), Integer.parseInt(address.substring(colon + 1)));
                socket.setTcpNoDelay(true);
                in = new BufferedInputStream(socket.getInputStream());
            }
            ByteArrayOutputStream out = new ByteArrayOutputStream(body.length + 300);
            out.write((method + " /2018-06-01/runtime/" + path + " HTTP/1.1\r\nHost: " + address + "\r\n" + fields
                + "Content-Length: " + body.length + "\r\n\r\n").getBytes(StandardCharsets.UTF_8));
            out.write(body);
            out.writeTo(socket.getOutputStream());
            Answer answer = read();
            if ("close".equalsIgnoreCase(answer.fields.get("connection"))) {
                socket.close();
                socket = null;
            }
            return answer;
        } catch (IOException | RuntimeException e) {
            throw new Gone("the Runtime API at " + address + " is gone: " + e.getMessage());
        }
    }

    private Answer read() throws IOException {
        Answer answer = new Answer();
        String[] first = line().split(" ");
        answer.status = Integer.parseInt(first[1]);
        for (String line = line(); !line.isEmpty(); line = line()) {
            int colon = line.indexOf(':');
            answer.fields.put(line.substring(0, colon).toLowerCase(Locale.ROOT), line.substring(colon + 1).trim());
        }
        if ("chunked".equalsIgnoreCase(answer.fields.get("transfer-encoding"))) {
            answer.body = chunks();
        } else {
            String length = answer.fields.get("content-length");
            answer.body = exactly(length == null ? 0 : Integer.parseInt(length));
        }
        return answer;
    }

    private byte[] exactly(int n) throws IOException {
        byte[] data = in.readNBytes(n);
        if (data.length != n) {
            throw new EOFException("it closed the connection");
        }
        return data;
    }

    private byte[] chunks() throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        while (true) {
            String size = line();
            int end = size.indexOf(';');
            int n = Integer.parseInt(end < 0 ? size.trim() : size.substring(0, end).trim(), 16);
            if (n == 0) {
                while (!line().isEmpty()) {
                    continue;
                }
                return out.toByteArray();
            }
            out.write(exactly(n));
            line();
        }
    }

    private String line() throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream(80);
        for (int c = in.read(); c != '\n'; c = in.read()) {
            if (c < 0) {
                throw new EOFException("it closed the connection");
            }
            if (c != '\r') {
                out.write(c);
            }
        }
        return out.toString(StandardCharsets.UTF_8);
    }
}
