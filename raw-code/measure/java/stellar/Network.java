package stellar;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.Proxy;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/** Requests of a chain to functions below and to a store. The JDK keeps connections, and knows no proxy here. */
final class Network {
    private static final int MAX_REPLY = 4 << 20; // bytes
    private static final int PART = 256 << 10;

    private Network() {}

    /** A function's answer. */
    static final class Reply {
        final int status;
        final byte[] body;

        Reply(int status, byte[] body) {
            this.status = status;
            this.body = body;
        }
    }

    /** An object as it comes. */
    static final class Body extends FilterInputStream {
        private final long length; // that was announced; negative: none

        Body(InputStream in, long length) {
            super(in);
            this.length = length;
        }

        /** Refuses an object that is not as long as was announced. */
        void check(long size) throws IOException {
            if (length >= 0 && size != length) {
                throw new IOException("the object broke off after " + size + " bytes");
            }
        }
    }

    /** A URL without its query: that of a presigned one is a secret. */
    static String bare(String at) {
        int query = at.indexOf('?');
        return query < 0 ? at : at.substring(0, query);
    }

    static boolean late(long end) {
        return System.nanoTime() - end >= 0;
    }

    private static HttpURLConnection open(String method, String at, long end) throws IOException {
        HttpURLConnection c = (HttpURLConnection) URI.create(at).toURL().openConnection(Proxy.NO_PROXY);
        int left = (int) Math.max(1, Math.min((end - System.nanoTime()) / 1_000_000, Integer.MAX_VALUE));
        c.setConnectTimeout(left);
        c.setReadTimeout(left);
        c.setInstanceFollowRedirects(false);
        c.setUseCaches(false);
        c.setRequestMethod(method);
        return c;
    }

    static Reply call(String at, String token, boolean text, byte[] body, long end) throws IOException {
        HttpURLConnection c = open("POST", at, end);
        c.setDoOutput(true);
        // The type of a payload is one that gateways pass on as it is.
        c.setRequestProperty("Content-Type", text ? "application/json" : "application/octet-stream");
        c.setRequestProperty("User-Agent", "stellar-measure");
        if (!token.isEmpty()) {
            c.setRequestProperty("X-Stellar-Token", token);
        }
        try (OutputStream out = c.getOutputStream()) {
            out.write(body);
        }
        return reply(c);
    }

    private static Reply reply(HttpURLConnection c) throws IOException {
        int status = c.getResponseCode();
        InputStream in = status >= 400 ? c.getErrorStream() : c.getInputStream();
        if (in == null) {
            return new Reply(status, new byte[0]);
        }
        try (InputStream body = in) {
            return new Reply(status, body.readNBytes(MAX_REPLY));
        }
    }

    private static void refuse(HttpURLConnection c) throws IOException {
        Reply r = reply(c);
        String said = new String(r.body, 0, Math.min(r.body.length, 200), StandardCharsets.UTF_8);
        throw new IOException("the store answered " + r.status + " " + c.getResponseMessage() + ": " + said);
    }

    static Body get(String at, long end) throws IOException {
        HttpURLConnection c = open("GET", at, end);
        if (c.getResponseCode() / 100 != 2) {
            refuse(c);
        }
        return new Body(c.getInputStream(), c.getContentLengthLong());
    }

    static void put(Map<String, ?> to, InputStream from, long size, long end) throws IOException {
        HttpURLConnection c = open("PUT", (String) to.get("Put"), end);
        c.setDoOutput(true);
        c.setFixedLengthStreamingMode(size);
        for (Map.Entry<String, ?> field : Measure.map(to.get("Header")).entrySet()) {
            c.setRequestProperty(field.getKey(), String.valueOf(field.getValue()));
        }
        if (c.getRequestProperty("Content-Type") == null) {
            c.setRequestProperty("Content-Type", "application/octet-stream"); // or the JDK sends that of a form
        }
        try (OutputStream out = c.getOutputStream()) {
            byte[] part = new byte[PART];
            for (int n = from.read(part); n >= 0; n = from.read(part)) {
                out.write(part, 0, n);
            }
        }
        Reply r = c.getResponseCode() / 100 == 2 ? reply(c) : null;
        if (r == null) {
            refuse(c);
        }
    }
}
