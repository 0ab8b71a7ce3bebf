package stellar;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.List;
import java.util.Map;

/** The parameters of a request. Those that this function does not know are ignored. */
final class Params {
    private static final long MAX_PAYLOAD = 1L << 30; // bytes
    // The duration of one step on a fast processor with a whole core. It is only used to refuse requests that certainly
    // exceed the timeout; calibration measures the real duration.
    private static final double NS_PER_INCREMENT = 0.5;

    final long increments;
    final long payload;

    /** Checks the parameters of a request that may run for leftNs. */
    Params(Map<String, ?> given, double leftNs) throws Refused {
        refuseUnready(given);
        increments = count(given, "IncrementLimit");
        payload = count(given, "PayloadLengthBytes");
        if (payload > MAX_PAYLOAD) {
            throw new Refused(400,
                "PayloadLengthBytes is " + payload + ", at most " + MAX_PAYLOAD + " (1 GiB) is allowed");
        }
        double need = increments * NS_PER_INCREMENT;
        if (need > leftNs) {
            throw new Refused(400, "IncrementLimit " + increments
                + " would spin for at least " + threeDigits(need / 1e9)
                + " s, the function's timeout leaves " + threeDigits(Math.max(leftNs, 0) / 1e9) + " s");
        }
    }

    /** Writes a number as C's %.3g does, so that all languages refuse with the same words. */
    static String threeDigits(double v) {
        BigDecimal d = new BigDecimal(v).round(new MathContext(3, RoundingMode.HALF_EVEN)).stripTrailingZeros();
        int power = d.precision() - d.scale() - 1;
        if (d.signum() == 0 || power >= -4 && power < 3) {
            return d.toPlainString();
        }
        String digits = d.unscaledValue().toString();
        return digits.charAt(0) + (digits.length() > 1 ? "." + digits.substring(1) : "") + (power < 0 ? "e-" : "e+")
            + (Math.abs(power) < 10 ? "0" : "") + Math.abs(power);
    }

    /** Names parameters of older functions that are in another place here. */
    private static void refuseUnready(Map<String, ?> given) throws Refused {
        Object old = given.get("DataTransferChainIDs"); // clients send an empty chain with every request
        if (!(blank(old) || "[]".equals(old) || old instanceof List && ((List<?>) old).isEmpty())) {
            throw new Refused(400, "DataTransferChainIDs: chains over HTTP are in Chain, a JSON array of URLs");
        }
        for (String name : new String[] {"PutURL", "GetURL"}) {
            if (!blank(given.get(name))) {
                throw new Refused(400,
                    name + ": the objects of a transfer through storage are in the request's body");
            }
        }
        Object storage = given.get("StorageTransfer");
        if (("true".equals(storage) || Boolean.TRUE.equals(storage)) && !inChain(given)) {
            throw new Refused(400, "StorageTransfer: it is for chains, ask it with Chain");
        }
    }

    /** Reports whether a request is part of a chain. */
    static boolean inChain(Map<String, ?> given) {
        Object v = given.get("Chain");
        return given.containsKey("PayloadSHA256")
            || !(blank(v) || "[]".equals(v) || "null".equals(v) || v instanceof List && ((List<?>) v).isEmpty());
    }

    private static boolean blank(Object v) {
        return v == null || "".equals(v);
    }

    /** Reads a parameter that is a whole number from 0 up; an absent one is 0. */
    static long count(Map<String, ?> given, String name) throws Refused {
        if (!given.containsKey(name)) {
            return 0;
        }
        Object value = given.get(name);
        String text = value instanceof String ? (String) value : Json.write(value);
        if (text.startsWith("-") && digits(text.substring(1))) {
            throw new Refused(400, name + " is " + shorten(text) + ", it must not be negative");
        }
        if (!digits(text)) {
            throw new Refused(400, name + " is " + Json.write(shorten(text)) + ", it must be a whole number");
        }
        try {
            return Long.parseLong(text);
        } catch (NumberFormatException e) {
            throw new Refused(400, name + " is " + shorten(text) + ", that is too large");
        }
    }

    static boolean digits(String text) {
        for (int i = 0; i < text.length(); i++) {
            if (text.charAt(i) < '0' || text.charAt(i) > '9') {
                return false;
            }
        }
        return !text.isEmpty();
    }

    /** Keeps an answer from repeating a long parameter. */
    static String shorten(String text) {
        return text.length() <= 40 ? text : text.substring(0, 40) + "...";
    }
}
