package stellar.bootstrap;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.Map;

/**
 * Makes the Context that a handler wants. A package can bring AWS's own interface, with more methods than the stand-in:
 * a proxy fits both, and what it does not know is null. A handler that declares none costs no proxy.
 */
final class Contexts implements InvocationHandler {
    private final Map<String, String> fields;

    private Contexts(Map<String, String> fields) {
        this.fields = fields;
    }

    static Object make(Class<?> type, Map<String, String> fields) {
        return Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, new Contexts(fields));
    }

    @Override
    public Object invoke(Object proxy, Method method, Object[] args) {
        switch (method.getName()) {
            case "getAwsRequestId":
                return fields.get("lambda-runtime-aws-request-id");
            case "getInvokedFunctionArn":
                return or(fields.get("lambda-runtime-invoked-function-arn"));
            case "getRemainingTimeInMillis":
                return (int) Math.max(0, number(fields.get("lambda-runtime-deadline-ms")) - System.currentTimeMillis());
            case "getMemoryLimitInMB":
                return (int) number(System.getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"));
            case "getFunctionName":
                return or(System.getenv("AWS_LAMBDA_FUNCTION_NAME"));
            case "getFunctionVersion":
                return or(System.getenv("AWS_LAMBDA_FUNCTION_VERSION"));
            case "getLogGroupName":
                return or(System.getenv("AWS_LAMBDA_LOG_GROUP_NAME"));
            case "getLogStreamName":
                return or(System.getenv("AWS_LAMBDA_LOG_STREAM_NAME"));
            case "getLogger":
                Class<?> type = method.getReturnType();
                return Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, new Logger());
            case "hashCode":
                return System.identityHashCode(proxy);
            case "equals":
                return proxy == args[0];
            case "toString":
                return "Context" + fields;
            default:
                return null;
        }
    }

    /** AWS's LambdaLogger: log(text), log(bytes), in newer versions with a level. It writes its argument unchanged. */
    private static final class Logger implements InvocationHandler {
        @Override
        public Object invoke(Object proxy, Method method, Object[] args) {
            switch (method.getName()) {
                case "log":
                    if (args[0] instanceof byte[]) {
                        System.out.write((byte[]) args[0], 0, ((byte[]) args[0]).length);
                    } else {
                        System.out.print(args[0]);
                    }
                    return null;
                case "hashCode":
                    return System.identityHashCode(proxy);
                case "equals":
                    return proxy == args[0];
                default:
                    return "Logger";
            }
        }
    }

    private static String or(String value) {
        return value == null ? "" : value;
    }

    private static long number(String text) {
        try {
            return text == null ? 0 : Long.parseLong(text);
        } catch (NumberFormatException e) {
            return 0;
        }
    }
}
