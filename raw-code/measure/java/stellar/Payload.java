package stellar;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Map;

/** What a function of a chain passes on: its bytes, or where they come from while they are sent. */
final class Payload {
    private static final int PART = 256 << 10;
    private static final long KEEP_MOST = 16 << 20; // a larger one is read from the store once more while it is put

    long size;
    String sha;
    long at; // Unix ns: it is in, or made
    byte[] data; // null: it is made again, or read again, while it is sent
    long firstNs;
    long gotNs;
    private String get; // where it can be read again; null: it can be made again

    private Payload(long size) {
        this.size = size;
    }

    /** Takes in the payload that a function above passes on, or makes one of size bytes. */
    static Payload take(Chain chain, byte[] body, long received, long size, long end) throws Refused {
        Payload p = new Payload(size);
        try {
            if (!chain.receives()) {
                if (chain.storage()) {
                    p.sha = hash(new Made(size), null, null);
                } else {
                    p.data = new Made(size).readAllBytes();
                    p.sha = hash(new ByteArrayInputStream(p.data), null, null);
                }
                p.at = Instance.now();
                return p;
            }
            if (chain.storage()) {
                p.fetch(chain, end);
            } else {
                p.data = body;
                p.size = body.length;
                p.at = received;
                p.sha = hash(new ByteArrayInputStream(body), null, null);
            }
        } catch (IOException e) {
            throw Network.late(end)
                ? new Refused(504, "get the payload from the store: no answer in time")
                : new Refused(Chain.PAYLOAD_STATUS, "get the payload from the store: " + e.getMessage());
        }
        if (p.size != size || !p.sha.equals(chain.sha())) {
            throw new Refused(Chain.PAYLOAD_STATUS, "the payload has " + p.size + " bytes with the SHA-256 " + p.sha
                + "; its producer sent " + size + " with " + Params.shorten(chain.sha()));
        }
        return p;
    }

    private void fetch(Chain chain, long end) throws IOException {
        ByteArrayOutputStream kept = chain.goesOn() && size <= KEEP_MOST ? new ByteArrayOutputStream() : null;
        get = chain.get();
        long begun = System.nanoTime();
        long[] read = new long[2]; // bytes, and when the first of them was in
        try (Network.Body body = Network.get(get, end)) {
            sha = hash(body, kept, read);
            at = Instance.now();
            gotNs = System.nanoTime() - begun;
            firstNs = read[1] == 0 ? gotNs : read[1] - begun;
            size = read[0];
            body.check(size);
        }
        data = kept == null ? null : kept.toByteArray();
    }

    /** Writes the payload into the store. */
    void put(Map<String, ?> to, long end) throws IOException {
        if (data != null) {
            Network.put(to, new ByteArrayInputStream(data), size, end);
        } else if (get == null) {
            Network.put(to, new Made(size), size, end);
        } else {
            try (Network.Body body = Network.get(get, end)) {
                Network.put(to, body, size, end);
            }
        }
    }

    private static String hash(InputStream in, ByteArrayOutputStream kept, long[] read) throws IOException {
        MessageDigest digest;
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every JDK has it
        }
        byte[] part = new byte[PART];
        for (int n = in.read(part); n >= 0; n = in.read(part)) {
            if (read != null && n > 0) {
                read[1] = read[0] == 0 ? System.nanoTime() : read[1];
                read[0] += n;
            }
            digest.update(part, 0, n);
            if (kept != null) {
                kept.write(part, 0, n);
            }
        }
        StringBuilder out = new StringBuilder();
        for (byte b : digest.digest()) {
            out.append(Character.forDigit(b >> 4 & 15, 16)).append(Character.forDigit(b & 15, 16));
        }
        return out.toString();
    }

    /** Bytes that do not compress, the same ones each time. */
    private static final class Made extends InputStream {
        private long left;
        private long at;
        private long x = Measure.SEED;

        Made(long n) {
            left = n;
        }

        @Override
        public int read() {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 255;
        }

        @Override
        public int read(byte[] to, int from, int length) {
            if (left == 0) {
                return -1;
            }
            int n = (int) Math.min(left, length);
            for (int i = from; i < from + n; i++, at++) {
                if (at % 8 == 0) {
                    x ^= x << 13;
                    x ^= x >>> 7;
                    x ^= x << 17;
                }
                to[i] = (byte) (x >>> at % 8 * 8);
            }
            left -= n;
            return n;
        }
    }
}
