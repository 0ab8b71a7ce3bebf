package stellar;

import com.amazonaws.services.lambda.runtime.Context;
import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The measurement function: it reports its instance, spins if asked, makes a payload if asked, and stamps.
 *
 * <p>A managed runtime calls handle; the class Server is the program that serves HTTP on $PORT. Only the JDK, and
 * little of it: no lambdas, no formatting, no regular expressions, because each brings classes along and the cold start
 * should measure the platform. Context is the interface that every Lambda runtime for Java has; it is not in the
 * package.
 */
public final class Measure {
    /** Used if the platform does not report its timeout, in ns: no platform allows longer requests. */
    static final double LONGEST_TIMEOUT = 3600e9;

    static final long SEED = 88172645463325252L; // of Marsaglia, "Xorshift RNGs" (2003); any number but 0 works
    private static final int STEP = 1 << 20;
    private static final String TOKEN = env("STELLAR_TOKEN_SHA256").toLowerCase(java.util.Locale.ROOT);
    static final Instance INSTANCE = new Instance();

    static {
        if (env("STELLAR_FILLER_READ").equals("1")) {
            String root = env("LAMBDA_TASK_ROOT");
            readFiller(new File(root.isEmpty() ? "." : root));
        }
        INSTANCE.ready(); // a managed runtime asks for its first event as soon as this class is in
    }

    static String env(String name) {
        String value = System.getenv(name);
        return value == null ? "" : value;
    }

    /**
     * Answers an HTTP API event (version 2.0; 1.0 has the same fields), or a direct invocation, whose own members are
     * the parameters, X-Stellar-Token among them.
     */
    public void handle(InputStream in, OutputStream out, Context context) throws IOException {
        String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
        long received = Instance.now();
        Map<String, Object> instance = INSTANCE.claim();
        Object event = Json.parse(text);
        Map<String, ?> params = event instanceof Map ? map(event) : Collections.emptyMap();
        Object token = params.get("X-Stellar-Token");
        byte[] body = new byte[0];
        if (params.get("requestContext") != null) {
            Map<String, ?> outer = params;
            token = null;
            for (Map.Entry<String, ?> header : map(outer.get("headers")).entrySet()) {
                if (header.getKey().equalsIgnoreCase("X-Stellar-Token")) {
                    token = header.getValue();
                }
            }
            body = body(outer);
            params = map(outer.get("queryStringParameters"));
        }
        double left = context == null ? LONGEST_TIMEOUT : context.getRemainingTimeInMillis() * 1e6;
        Answer answer = answer(instance, received, context == null ? null : context.getAwsRequestId(),
            token instanceof String ? (String) token : "", params, body, left);
        Map<String, Object> response = new LinkedHashMap<>();
        response.put("statusCode", answer.status);
        response.put("headers", Collections.singletonMap("Content-Type", "application/json"));
        response.put("body", answer.text);
        out.write(Json.write(response).getBytes(StandardCharsets.UTF_8));
    }

    /** A response's status and JSON. */
    static final class Answer {
        final int status;
        final String text;

        Answer(int status, String text) {
            this.status = status;
            this.text = text;
        }

        static Answer refusal(Refused why) {
            return new Answer(why.status, Json.write(Collections.singletonMap("error", why.getMessage())));
        }
    }

    /** Does the work of one request. */
    static Answer answer(Map<String, Object> instance, long received, String id, String token, Map<String, ?> given,
            byte[] body, double leftNs) {
        try {
            admit(token);
            Params p = new Params(given, leftNs);
            Chain chain = Params.inChain(given) ? Chain.read(given, body) : null;
            Map<String, ?> asked = chain != null ? Collections.emptyMap() : askedCmds(body);
            Map<String, ?> from = asked.isEmpty() ? given : asked;
            Cmds cmds = from.containsKey("cmds") ? new Cmds(from.get("cmds")) : null;
            long begun = System.nanoTime();
            long state = spin(p.increments);
            long spinNs = System.nanoTime() - begun;
            long made = chain == null ? makePayload(p.payload) : 0;
            Map<String, Object> out = new LinkedHashMap<>();
            out.put("RequestID", id == null || id.isEmpty() ? Instance.randomId() : id);
            out.put("TimestampChain", Collections.singletonList(Long.toString(Instance.now())));
            out.put("Instance", instance);
            out.put("ReceivedAt", Long.toString(received));
            out.put("SpinNs", spinNs);
            out.put("Increments", p.increments);
            if (made > 0) {
                out.put("PayloadBytes", made);
            }
            if (chain != null) {
                chain.run(out, token, body, received, leftNs, p.payload);
            }
            if (cmds != null) {
                out.put("Cmds", cmds.run(instance, received, leftNs));
                out.put("TimestampChain", Collections.singletonList(Long.toString(Instance.now())));
            }
            out.put("Sink", state >>> 11); // 53 bits: exact in readers that know only floating point
            return new Answer(200, Json.write(out));
        } catch (Refused e) {
            return Answer.refusal(e);
        }
    }

    /** Compares hashes, of equal length whatever was sent and in constant time. */
    private static void admit(String token) throws Refused {
        if (TOKEN.isEmpty()) {
            return;
        }
        String sent = Sha256.digest(token.getBytes(StandardCharsets.UTF_8));
        int differ = sent.length() ^ TOKEN.length();
        for (int i = 0; i < Math.min(sent.length(), TOKEN.length()); i++) {
            differ |= sent.charAt(i) ^ TOKEN.charAt(i);
        }
        if (differ != 0) {
            throw new Refused(401, "this function wants the run's token in the header X-Stellar-Token");
        }
    }

    /**
     * Steps n times through xorshift64 with the shifts 13, 7, 17; one step is one increment. The result goes into the
     * answer, so that no compiler can leave the loop out.
     */
    private static long spin(long n) {
        long x = SEED;
        for (long left = n; left > 0; left--) {
            x ^= x << 13;
            x ^= x >>> 7;
            x ^= x << 17;
        }
        return x;
    }

    /** Makes n bytes that do not compress, the same ones each time, and gives their number. */
    private static long makePayload(long n) {
        byte[] made = new byte[(int) n];
        long x = SEED;
        for (int i = 0; i < made.length; i++) {
            if (i % 8 == 0) {
                x ^= x << 13;
                x ^= x >>> 7;
                x ^= x << 17;
            }
            made[i] = (byte) (x >>> i % 8 * 8);
        }
        return made.length;
    }

    @SuppressWarnings("unchecked")
    static Map<String, ?> map(Object value) {
        return value instanceof Map ? (Map<String, ?>) value : Collections.<String, Object>emptyMap();
    }

    private static byte[] body(Map<String, ?> event) {
        Object body = event.get("body");
        if (!(body instanceof String)) {
            return new byte[0];
        }
        if (!Boolean.TRUE.equals(event.get("isBase64Encoded"))) {
            return ((String) body).getBytes(StandardCharsets.UTF_8);
        }
        try {
            return Base64.getDecoder().decode((String) body);
        } catch (IllegalArgumentException e) {
            return new byte[0]; // what is not base64 asks for nothing
        }
    }

    /** The micro-tests that a body asks for, as the map with the key cmds. Any other body is a payload. */
    private static Map<String, ?> askedCmds(byte[] body) {
        if (body.length == 0 || body[0] != '{') {
            return Collections.emptyMap();
        }
        try {
            Map<String, ?> all = map(Json.parse(new String(body, StandardCharsets.UTF_8)));
            return all.containsKey("cmds") ? Collections.singletonMap("cmds", all.get("cmds")) : Collections.emptyMap();
        } catch (IllegalArgumentException e) {
            return Collections.emptyMap();
        }
    }

    /** Reads the package's padding once, so that platforms which load packages lazily have to bring all of it. */
    private static void readFiller(File root) {
        String[] names = root.list();
        byte[] buffer = new byte[STEP];
        for (String name : names == null ? new String[0] : names) {
            if (!name.startsWith("stellar-filler") || !name.endsWith(".bin")) {
                continue;
            }
            try (InputStream in = new FileInputStream(new File(root, name))) {
                while (in.read(buffer) >= 0) {
                    continue;
                }
            } catch (IOException e) {
                throw new IllegalStateException("reading the filler " + name + ": " + e.getMessage());
            }
        }
    }
}
