package stellar.bootstrap;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import stellar.Json;

/**
 * Run a Java handler for the local platform: ask the Runtime API for an event, call the handler, answer.
 *
 * <p>{@code java -cp <package>:<package>/lib/*:<these classes> stellar.bootstrap.Bootstrap <package.Class::method>}
 */
public final class Bootstrap {
    private final String address;
    private final Handler handler;

    private Bootstrap(String address, Handler handler) {
        this.address = address;
        this.handler = handler;
    }

    public static void main(String[] args) {
        String address = System.getenv("AWS_LAMBDA_RUNTIME_API");
        String name = args.length > 0 ? args[0] : System.getenv("_HANDLER");
        if (address == null || name == null) {
            System.err.println(
                "java bootstrap: AWS_LAMBDA_RUNTIME_API and a handler (argument or _HANDLER) are needed");
            System.exit(1);
        }
        try {
            new Bootstrap(address, new Handler(name)).run(loops());
        } catch (Handler.InitError e) {
            fail(address, e);
        } catch (Throwable e) { // out of memory, for one
            fail(address, new Handler.InitError(e.getClass().getName(), Handler.message(e), e));
        }
    }

    private static int loops() {
        try {
            String more = System.getenv("AWS_LAMBDA_MAX_CONCURRENCY");
            return more == null ? 1 : Math.max(1, Integer.parseInt(more));
        } catch (NumberFormatException e) {
            return 1;
        }
    }

    private static void fail(String address, Handler.InitError e) {
        try {
            postError(new Connection(address), "init/error", describe(e.kind, e.getMessage(), e.getCause()));
        } catch (Connection.Gone gone) {
            System.err.println(gone.getMessage());
        }
        System.exit(1);
    }

    private void run(int loops) {
        for (int i = 1; i < loops; i++) {
            Thread thread = new Thread(new Runnable() {
                @Override
                public void run() {
                    serveToTheEnd();
                }
            });
            thread.setDaemon(true);
            thread.start();
        }
        serveToTheEnd();
    }

    /** The process ends with the first loop that ends: a half-deaf instance would hide what happened. */
    private void serveToTheEnd() {
        try {
            serve();
        } catch (Connection.Gone e) {
            System.err.println(e.getMessage());
        } finally {
            System.out.flush();
            Runtime.getRuntime().halt(1);
        }
    }

    private void serve() throws Connection.Gone {
        Connection connection = new Connection(address);
        byte[] nothing = new byte[0];
        while (true) {
            Connection.Answer next = connection.request("GET", "invocation/next", nothing, "");
            if (next.status != 200) {
                throw new Connection.Gone("invocation/next answered " + next.status + ": " + next.text());
            }
            String id = next.fields.get("lambda-runtime-aws-request-id");
            String trace = next.fields.get("lambda-runtime-trace-id");
            if (trace != null) {
                System.setProperty("com.amazonaws.xray.traceHeader", trace); // where AWS's runtime puts it
            }
            byte[] answer;
            try {
                answer = handler.call(next.body, next.fields);
                System.out.flush(); // its log is complete before its answer leaves
            } catch (Handler.FormError e) {
                postError(connection, "invocation/" + id + "/error", describe(e.kind, e.getMessage(), null));
                continue;
            } catch (Throwable e) {
                postError(connection, "invocation/" + id + "/error",
                    describe(e.getClass().getName(), Handler.message(e), e));
                if (e instanceof VirtualMachineError) {
                    return; // out of memory: what follows cannot be trusted
                }
                continue;
            }
            Connection.Answer said = connection.request("POST", "invocation/" + id + "/response", answer,
                "Content-Type: application/json\r\n");
            if (said.status != 202) {
                // Too long, or too late: the platform has handled it, and the next event is not affected.
                System.err.println("response to " + id + " answered " + said.status + ": " + said.text());
            }
        }
    }

    /** AWS's JSON form of an error. Frames of this program and of reflection are left out of the trace. */
    private static Map<String, Object> describe(String kind, String message, Throwable thrown) {
        List<String> trace = new ArrayList<>();
        for (StackTraceElement frame : thrown == null ? new StackTraceElement[0] : thrown.getStackTrace()) {
            String of = frame.getClassName();
            if (!of.startsWith("stellar.bootstrap.") && !of.startsWith("java.lang.reflect.")
                    && !of.contains("internal.reflect.")) {
                trace.add(frame.toString());
            }
        }
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("errorMessage", message);
        out.put("errorType", kind);
        out.put("stackTrace", trace);
        return out;
    }

    private static void postError(Connection connection, String path, Map<String, Object> description)
            throws Connection.Gone {
        System.err.println("[ERROR] " + description.get("errorType") + ": " + description.get("errorMessage"));
        for (Object frame : (List<?>) description.get("stackTrace")) {
            System.err.println("\tat " + frame);
        }
        StringBuilder kind = new StringBuilder(); // only what a header may hold
        for (char c : String.valueOf(description.get("errorType")).toCharArray()) {
            if (c < 0x80 && (Character.isLetterOrDigit(c) || c == '.' || c == '_' || c == '-')) {
                kind.append(c);
            }
        }
        connection.request("POST", path, Json.write(description).getBytes(StandardCharsets.UTF_8),
            "Content-Type: application/json\r\nLambda-Runtime-Function-Error-Type: " + kind + "\r\n");
    }
}
