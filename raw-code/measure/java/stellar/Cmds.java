package stellar;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The micro-tests of the measurement function. The first request that asks for one loads this class. */
final class Cmds {
    private static final long LONGEST_SLEEP = 3_600_000; // ms
    private static final long MOST_REPEATS = 1_000_000_000; // of cpu

    private final List<Step> steps = new ArrayList<>();

    /** A micro-test that a request asks for. */
    private static final class Step {
        final String name;
        final double number; // its argument's

        Step(String name, double number) {
            this.name = name;
            this.number = number;
        }

        Object run(Map<String, Object> instance, long end) {
            if (name.equals("sleep")) {
                return busy(number, end);
            }
            return name.equals("cpu") ? (Object) cpu((long) number, end) : Stat.get(instance);
        }
    }

    /** Checks an object of micro-tests, and puts them into the order in which they run. */
    Cmds(Object asked) throws Refused {
        if (asked instanceof String) { // of the query
            try {
                asked = Json.parse((String) asked);
            } catch (IllegalArgumentException e) {
                asked = null;
            }
        }
        if (!(asked instanceof Map)) {
            throw wrong("cmds is not a JSON object");
        }
        for (Map.Entry<?, ?> e : ((Map<?, ?>) asked).entrySet()) {
            String name = String.valueOf(e.getKey());
            Object argument = e.getValue();
            if (name.equals("sleep")) {
                steps.add(0, new Step(name, sleepArgument(argument))); // it runs before the others
            } else if (name.equals("stat")) {
                statArgument(argument);
                steps.add(new Step(name, 0));
            } else if (name.equals("cpu")) {
                steps.add(new Step(name, repeats(argument)));
            } else {
                throw wrong("cmds: " + Json.write(Params.shorten(name))
                    + " is not a micro-test of this function; it knows sleep, stat, cpu");
            }
        }
    }

    private static Refused wrong(String why) {
        return new Refused(400, why);
    }

    private static double sleepArgument(Object argument) throws Refused {
        double ms = argument instanceof Number ? ((Number) argument).doubleValue() : -1;
        if (!(ms >= 0 && ms <= LONGEST_SLEEP)) {
            throw wrong("cmds: sleep: the argument is " + Params.shorten(Json.write(argument))
                + "; want a number of ms from 0 to " + LONGEST_SLEEP);
        }
        return ms;
    }

    /** Checks the argument of stat. The number argv is that of older clients and means nothing. */
    private static void statArgument(Object argument) throws Refused {
        Object argv = member("stat", argument, "argv");
        if (argv != null && !(argv instanceof Long)) {
            throw wrong("cmds: stat: the argument is " + Params.shorten(Json.write(argument))
                + "; want an object with \"argv\"");
        }
    }

    private static double repeats(Object argument) throws Refused {
        Object n = member("cpu", argument, "n");
        if (!(n instanceof Long) || (Long) n < 0 || (Long) n > MOST_REPEATS) {
            throw wrong("cmds: cpu: the argument is " + Params.shorten(Json.write(argument))
                + "; \"n\" must be a whole number from 0 to " + MOST_REPEATS);
        }
        return (Long) n;
    }

    /** The value of the one key that an argument may have. */
    private static Object member(String test, Object argument, String known) throws Refused {
        if (!(argument instanceof Map) || !Collections.singleton(known).containsAll(((Map<?, ?>) argument).keySet())) {
            throw wrong("cmds: " + test + ": the argument is " + Params.shorten(Json.write(argument))
                + "; want an object with \"" + known + "\"");
        }
        return ((Map<?, ?>) argument).get(known);
    }

    /**
     * Runs the micro-tests one after the other. One that fails does not keep the others from running. received is when
     * the request was in, in Unix ns, and leftNs what the function had of its timeout then.
     */
    Map<String, Object> run(Map<String, Object> instance, long received, double leftNs) {
        long start = Instance.now();
        long begun = System.nanoTime();
        long end = begun + (long) (leftNs - (start - received));
        Map<String, Object> out = new LinkedHashMap<>();
        for (Step step : steps) {
            try {
                out.put(step.name, step.run(instance, end));
            } catch (RuntimeException e) {
                String why = e.getMessage() == null ? e.toString() : e.getMessage();
                out.put(step.name, Collections.singletonMap("error", why));
            }
        }
        double took = millis(System.nanoTime() - begun);
        out.put("start_time", millis(start));
        out.put("end_time", millis(start) + took);
        out.put("elapsed_time", took);
        return out;
    }

    private static double millis(long ns) {
        return ns / 1e6;
    }

    /** Waits on the processor, so that the instance is neither suspended nor given to others. It gives the ms. */
    private static double busy(double ms, long end) {
        long begun = System.nanoTime();
        double late = (begun + ms * 1e6 - end) / 1e9;
        if (late > 0) {
            throw new IllegalStateException("the wait would end " + Params.threeDigits(late)
                + " s after the function's timeout");
        }
        while (System.nanoTime() - begun < ms * 1e6) {
            continue;
        }
        return millis(System.nanoTime() - begun);
    }

    private static double cpu(long n, long end) {
        long begun = System.nanoTime();
        BigInteger product = factorial(n, end);
        double took = millis(System.nanoTime() - begun);
        if (product.signum() <= 0) { // it is looked at, or a compiler might leave the loop out
            throw new IllegalStateException("the factorial is not positive");
        }
        return took;
    }

    /** Multiplies the numbers up to n one after the other, as all languages of the function do. */
    static BigInteger factorial(long n, long end) {
        BigInteger product = BigInteger.ONE;
        for (long i = 2; i <= n; i++) {
            product = product.multiply(BigInteger.valueOf(i));
            if (i % 256 == 0 && System.nanoTime() - end > 0) {
                throw new IllegalStateException("the function's timeout is over before the test is");
            }
        }
        return product;
    }
}
