package stellar;

/** SHA-256 (FIPS 180-4), for the run's token: the JDK's loads its security providers, which a cold start would pay. */
final class Sha256 {
    private static final int[] ROUNDS = new int[64];
    private static final int[] START = new int[8];

    static {
        // The fractions of the square roots of the first 8 primes, and of the cube roots of the first 64.
        int found = 0;
        for (int n = 2; found < 64; n++) {
            boolean prime = true;
            for (int d = 2; d * d <= n; d++) {
                prime &= n % d != 0;
            }
            if (!prime) {
                continue;
            }
            if (found < 8) {
                START[found] = fraction(Math.sqrt(n));
            }
            ROUNDS[found++] = fraction(Math.cbrt(n));
        }
    }

    private Sha256() {}

    private static int fraction(double root) {
        return (int) (long) ((root - Math.floor(root)) * 4294967296.0);
    }

    /** The digest of the data in hexadecimal. */
    static String digest(byte[] data) {
        byte[] padded = new byte[(data.length + 8) / 64 * 64 + 64];
        System.arraycopy(data, 0, padded, 0, data.length);
        padded[data.length] = (byte) 0x80;
        long bits = data.length * 8L;
        for (int i = 0; i < 8; i++) {
            padded[padded.length - 1 - i] = (byte) (bits >>> 8 * i);
        }
        int[] h = START.clone();
        for (int at = 0; at < padded.length; at += 64) {
            compress(h, padded, at);
        }
        byte[] out = new byte[32];
        for (int i = 0; i < 32; i++) {
            out[i] = (byte) (h[i / 4] >>> 24 - i % 4 * 8);
        }
        return hex(out);
    }

    private static void compress(int[] h, byte[] data, int at) {
        int[] w = new int[64];
        for (int i = 0; i < 16; i++) {
            int p = at + i * 4;
            w[i] = data[p] << 24 | (data[p + 1] & 255) << 16 | (data[p + 2] & 255) << 8 | data[p + 3] & 255;
        }
        for (int i = 16; i < 64; i++) {
            int a = Integer.rotateRight(w[i - 15], 7) ^ Integer.rotateRight(w[i - 15], 18) ^ w[i - 15] >>> 3;
            int b = Integer.rotateRight(w[i - 2], 17) ^ Integer.rotateRight(w[i - 2], 19) ^ w[i - 2] >>> 10;
            w[i] = w[i - 16] + a + w[i - 7] + b;
        }
        int[] v = h.clone();
        for (int i = 0; i < 64; i++) {
            int s1 = Integer.rotateRight(v[4], 6) ^ Integer.rotateRight(v[4], 11) ^ Integer.rotateRight(v[4], 25);
            int t1 = v[7] + s1 + (v[4] & v[5] ^ ~v[4] & v[6]) + ROUNDS[i] + w[i];
            int s0 = Integer.rotateRight(v[0], 2) ^ Integer.rotateRight(v[0], 13) ^ Integer.rotateRight(v[0], 22);
            int t2 = s0 + (v[0] & v[1] ^ v[0] & v[2] ^ v[1] & v[2]);
            System.arraycopy(v, 0, v, 1, 7);
            v[4] += t1;
            v[0] = t1 + t2;
        }
        for (int i = 0; i < 8; i++) {
            h[i] += v[i];
        }
    }

    /** The bytes in hexadecimal. */
    static String hex(byte[] b) {
        char[] out = new char[b.length * 2];
        for (int i = 0; i < b.length; i++) {
            out[2 * i] = Character.forDigit(b[i] >> 4 & 15, 16);
            out[2 * i + 1] = Character.forDigit(b[i] & 15, 16);
        }
        return new String(out);
    }
}
