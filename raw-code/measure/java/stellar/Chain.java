package stellar;

import java.net.URI;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A request's part of a chain over HTTP: the payload that comes in, and the functions that it goes on to. Only requests
 * of a chain load this class. The functions below stand in the order of a walk through the tree, a function before
 * those that it calls; with a Fan of 1 that is the order of the chain.
 */
final class Chain {
    static final int PAYLOAD_STATUS = 422; // the payload did not arrive as its producer made it (RFC 9110)
    private static final int MAX_CHAIN = 1000;
    private static final long MARGIN_NS = 100_000_000; // before the deadline, to answer that a function below did not

    private final Map<String, ?> params;
    private final List<String> chain;
    private final int fan;
    private final String sha; // that the payload's producer computed; null: this function makes the payload
    private final String get; // through storage: where the payload is
    private final List<Map<String, ?>> objects; // through storage: one for each function below; else null

    private Chain(Map<String, ?> params, List<String> chain, int fan, String sha, String get,
            List<Map<String, ?>> objects) {
        this.params = params;
        this.chain = chain;
        this.fan = fan;
        this.sha = sha;
        this.get = get;
        this.objects = objects;
    }

    /** Reads what a request says of its chain; null: it has none. */
    static Chain read(Map<String, ?> params, byte[] body) throws Refused {
        Object given = params.get("Chain");
        Object sha = params.get("PayloadSHA256");
        List<String> chain = urls(given);
        if (chain.isEmpty() && sha == null) {
            return null;
        }
        int fan = (int) Math.max(1, Math.min(Params.count(params, "Fan"), MAX_CHAIN));
        if (chain.size() % fan != 0) {
            throw new Refused(400, "Chain names " + chain.size() + " functions, they cannot be divided among a Fan of "
                + fan);
        }
        String get = null;
        List<Map<String, ?>> objects = null;
        Object storage = params.get("StorageTransfer");
        if ("true".equals(storage) || Boolean.TRUE.equals(storage)) {
            Map<String, ?> asked = asked(body);
            objects = new ArrayList<>();
            Object list = asked.get("Objects");
            for (Object one : list instanceof List ? (List<?>) list : Collections.emptyList()) {
                objects.add(Measure.map(one));
            }
            get = (String) asked.get("Get");
            if (objects.size() != chain.size() || sha != null && get == null) {
                throw new Refused(400, "StorageTransfer: the body names " + objects.size() + " objects for "
                    + chain.size() + " functions");
            }
        }
        return new Chain(params, chain, fan, sha == null ? null : sha.toString().toLowerCase(java.util.Locale.ROOT),
            get, objects);
    }

    private static Map<String, ?> asked(byte[] body) throws Refused {
        try {
            return body.length == 0 ? Collections.<String, Object>emptyMap()
                : Measure.map(Json.parse(new String(body, java.nio.charset.StandardCharsets.UTF_8)));
        } catch (IllegalArgumentException e) {
            throw new Refused(400, "StorageTransfer: the body is not a JSON object with Objects");
        }
    }

    private static List<String> urls(Object given) throws Refused {
        Object parsed = given;
        if (given instanceof String) {
            try {
                parsed = ((String) given).isEmpty() ? null : Json.parse((String) given);
            } catch (IllegalArgumentException e) {
                parsed = "";
            }
        }
        if (parsed == null) {
            return Collections.emptyList();
        }
        if (!(parsed instanceof List)) {
            throw new Refused(400, "Chain is not a JSON array of URLs: " + Params.shorten(given.toString()));
        }
        List<String> out = new ArrayList<>();
        for (Object at : (List<?>) parsed) {
            if (!isURL(at)) {
                throw new Refused(400,
                    "Chain: " + Json.write(Params.shorten(String.valueOf(at))) + " is not the URL of a function");
            }
            out.add((String) at);
        }
        if (out.size() > MAX_CHAIN) {
            throw new Refused(400, "Chain names " + out.size() + " functions, at most " + MAX_CHAIN + " are allowed");
        }
        return out;
    }

    private static boolean isURL(Object at) {
        try {
            URI uri = at instanceof String ? new URI((String) at) : new URI("");
            return uri.getHost() != null && ("http".equals(uri.getScheme()) || "https".equals(uri.getScheme()));
        } catch (java.net.URISyntaxException e) {
            return false;
        }
    }

    /**
     * Takes the payload in, or makes it, passes it on to the functions below, to all of its own at once, and completes
     * the answer when the last of them has answered.
     */
    void run(Map<String, Object> answer, String token, byte[] body, long received, double leftNs, long size)
            throws Refused {
        long end = System.nanoTime() + (long) leftNs - MARGIN_NS;
        Payload payload = Payload.take(this, body, received, size, end);
        List<Object> stamps = new ArrayList<>();
        stamps.add(Long.toString(payload.at));
        List<Object> ways = new ArrayList<>();
        int length = chain.size() / fan; // of each part, whose first function is called
        List<Call> calls = new ArrayList<>();
        for (int i = 0; i < fan && length > 0; i++) {
            Chain part = new Chain(params, chain.subList(i * length, (i + 1) * length), fan, null, null,
                objects == null ? null : objects.subList(i * length, (i + 1) * length));
            calls.add(new Call(part, payload, token, end));
        }
        Call.runAll(calls);
        for (Call call : calls) {
            if (call.failed != null) {
                throw call.failed;
            }
            stamps.addAll((List<?>) call.below.get("TimestampChain"));
            ways.add(call.way);
            Object further = call.below.get("Hops");
            ways.addAll(further instanceof List ? (List<?>) further : Collections.emptyList());
        }
        answer.put("TimestampChain", stamps);
        answer.put("PayloadBytes", payload.size);
        answer.put("PayloadSHA256", payload.sha);
        answer.put("PayloadAt", Long.toString(payload.at));
        if (payload.gotNs > 0) {
            answer.put("FirstNs", payload.firstNs);
            answer.put("GetNs", payload.gotNs);
        }
        if (!ways.isEmpty()) {
            answer.put("Hops", ways);
        }
        answer.put("RepliedAt", Long.toString(Instance.now()));
    }

    boolean receives() {
        return sha != null;
    }

    boolean goesOn() {
        return !chain.isEmpty();
    }

    boolean storage() {
        return objects != null;
    }

    String get() {
        return get;
    }

    String sha() {
        return sha;
    }

    String first() {
        return chain.get(0);
    }

    Map<String, ?> object() {
        return objects.get(0);
    }

    /** What the body of a request through storage names. */
    byte[] named() {
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("Get", object().get("Get"));
        out.put("Objects", new ArrayList<>(objects.subList(1, objects.size())));
        return Json.write(out).getBytes(java.nio.charset.StandardCharsets.UTF_8);
    }

    /** The query of the request to the first function of a part of the tree. */
    String query(Payload payload) {
        StringBuilder out = new StringBuilder("PayloadSHA256=").append(payload.sha).append("&PayloadLengthBytes=")
            .append(payload.size);
        if (params.containsKey("IncrementLimit")) {
            out.append("&IncrementLimit=").append(params.get("IncrementLimit"));
        }
        if (chain.size() > 1) {
            String rest = Json.write(new ArrayList<>(chain.subList(1, chain.size())));
            out.append("&Chain=").append(java.net.URLEncoder.encode(rest, java.nio.charset.StandardCharsets.UTF_8));
        }
        if (fan > 1) {
            out.append("&Fan=").append(fan);
        }
        return storage() ? out.append("&StorageTransfer=true").toString() : out.toString();
    }
}
