package stellar;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The call of one function below, with the payload or, through storage, with the place of the payload. */
final class Call implements Runnable {
    final Map<String, Object> way = new LinkedHashMap<>();
    Map<String, ?> below;
    Refused failed;

    private final Chain part;
    private final Payload payload;
    private final String token;
    private final long end;

    Call(Chain part, Payload payload, String token, long end) {
        this.part = part;
        this.payload = payload;
        this.token = token;
        this.end = end;
    }

    /** Runs calls side by side. */
    static void runAll(List<Call> calls) {
        Thread[] threads = new Thread[Math.max(calls.size() - 1, 0)];
        for (int i = 0; i < threads.length; i++) {
            threads[i] = new Thread(calls.get(i + 1));
            threads[i].start();
        }
        if (!calls.isEmpty()) {
            calls.get(0).run();
        }
        for (Thread thread : threads) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }

    @Override
    public void run() {
        try {
            call();
        } catch (Refused e) {
            failed = e;
        } catch (RuntimeException e) {
            failed = new Refused(502, "function of the chain at " + Network.bare(part.first()) + ": " + e);
        }
    }

    private void call() throws Refused {
        String at = part.first();
        long sent = Instance.now();
        way.put("SentAt", Long.toString(sent));
        byte[] body = payload.data;
        if (part.storage()) {
            try {
                payload.put(part.object(), end);
            } catch (IOException e) {
                throw Network.late(end) ? below(504, "no answer in time")
                    : new Refused(Chain.PAYLOAD_STATUS, "put the payload into the store: " + e.getMessage());
            }
            way.put("PutNs", Instance.now() - sent);
            body = part.named();
            way.put("CalledAt", Long.toString(Instance.now()));
        }
        Network.Reply reply;
        try {
            reply = Network.call(at + (at.indexOf('?') < 0 ? "?" : "&") + part.query(payload), token, part.storage(),
                body, end);
        } catch (IOException e) {
            throw Network.late(end) ? below(504, "no answer in time") : below(502, e.toString());
        }
        way.put("AnsweredAt", Long.toString(Instance.now()));
        try {
            below = Measure.map(Json.parse(new String(reply.body, StandardCharsets.UTF_8)));
        } catch (IllegalArgumentException e) {
            below = null;
        }
        if (reply.status != 200 || below == null || below.get("RepliedAt") == null) {
            Object said = below == null ? null : below.get("error");
            int status = reply.status == Chain.PAYLOAD_STATUS || reply.status == 429 || reply.status == 504
                ? reply.status : 502;
            throw below(status, said != null ? said.toString() : "it answered status " + reply.status + ": "
                + Params.shorten(new String(reply.body, StandardCharsets.UTF_8)));
        }
        complete();
    }

    private void complete() throws Refused {
        String sha = String.valueOf(below.get("PayloadSHA256"));
        String bytes = String.valueOf(below.get("PayloadBytes"));
        if (!sha.equals(payload.sha) || !bytes.equals(Long.toString(payload.size))) {
            throw new Refused(Chain.PAYLOAD_STATUS, "the function at " + Network.bare(part.first())
                + " had a payload of " + bytes + " bytes with the SHA-256 " + Params.shorten(sha) + "; " + payload.size
                + " bytes with " + payload.sha + " were sent");
        }
        way.put("ReceivedAt", below.get(part.storage() ? "PayloadAt" : "ReceivedAt"));
        if (part.storage()) {
            way.put("ArrivedAt", below.get("ReceivedAt"));
            way.put("FirstNs", below.get("FirstNs"));
            way.put("GetNs", below.get("GetNs"));
        }
        way.put("RepliedAt", below.get("RepliedAt"));
        way.put("Bytes", payload.size);
        way.put("SHA256", payload.sha);
        Map<String, ?> instance = Measure.map(below.get("Instance"));
        way.put("Instance", instance.get("ID"));
        way.put("Cold", instance.get("Cold"));
    }

    private Refused below(int status, String why) {
        return new Refused(status, "function of the chain at " + Network.bare(part.first()) + ": " + why);
    }
}
