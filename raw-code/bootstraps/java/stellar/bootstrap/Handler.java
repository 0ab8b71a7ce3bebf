package stellar.bootstrap;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import stellar.Json;

/** A handler of the package: package.Class::method, or package.Class with a method handleRequest. */
final class Handler {
    /** The handler cannot be loaded; kind is AWS's name for why. */
    static final class InitError extends Exception {
        private static final long serialVersionUID = 1;

        final String kind;

        InitError(String kind, String message, Throwable cause) {
            super(message, cause);
            this.kind = kind;
        }
    }

    /** An event or an answer that is no JSON of a form that the handler takes. */
    static final class FormError extends Exception {
        private static final long serialVersionUID = 1;

        final String kind;

        FormError(String kind, String message) {
            super(message);
            this.kind = kind;
        }
    }

    private final Object object;
    private final Method method;
    private final Class<?>[] types;

    Handler(String name) throws InitError {
        int colons = name.indexOf("::");
        String className = colons < 0 ? name : name.substring(0, colons);
        String methodName = colons < 0 ? "handleRequest" : name.substring(colons + 2);
        if (className.isEmpty() || methodName.isEmpty()) {
            throw new InitError("Runtime.MalformedHandlerName",
                "Bad handler '" + name + "': it must be package.Class::method", null);
        }
        Class<?> type = load(className);
        try {
            method = find(type, methodName);
            types = method.getParameterTypes();
        } catch (LinkageError e) { // a class that its methods name is missing
            throw new InitError(e.getClass().getName(), "Error loading class " + className + ": " + message(e), e);
        }
        try {
            if (Modifier.isStatic(method.getModifiers())) {
                object = null;
            } else {
                Constructor<?> constructor = type.getConstructor();
                object = constructor.newInstance();
            }
            method.setAccessible(true);
        } catch (InvocationTargetException e) {
            throw new InitError(e.getCause().getClass().getName(), message(e.getCause()), e.getCause());
        } catch (ReflectiveOperationException e) {
            throw new InitError("Runtime.HandlerNotFound",
                "Class " + className + " has no public constructor without parameters", e);
        }
    }

    /** Loads a class. What is wrong with it is told by the exception's own name, as Lambda's runtimes for Java do. */
    private static Class<?> load(String name) throws InitError {
        try {
            return Class.forName(name);
        } catch (ClassNotFoundException e) {
            throw new InitError(e.getClass().getName(), "Class not found: " + message(e), e);
        } catch (ExceptionInInitializerError e) {
            throw new InitError(e.getCause().getClass().getName(), message(e.getCause()), e.getCause());
        } catch (LinkageError e) {
            throw new InitError(e.getClass().getName(), "Error loading class " + name + ": " + message(e), e);
        }
    }

    /** The method with that name; of several, the one with the most parameters. Bridges of generics do not count. */
    private static Method find(Class<?> type, String name) throws InitError {
        Method found = null;
        for (Method m : type.getMethods()) {
            if (m.getName().equals(name) && !m.isBridge() && !m.isSynthetic()
                    && (found == null || m.getParameterCount() > found.getParameterCount())) {
                found = m;
            }
        }
        if (found == null) {
            throw new InitError("Runtime.HandlerNotFound",
                "No public method named " + name + " on class " + type.getName(), null);
        }
        return found;
    }

    /** Calls the handler with an event and gives its answer, both JSON. */
    byte[] call(byte[] event, Map<String, String> fields) throws Throwable {
        Object[] args = new Object[types.length];
        ByteArrayOutputStream out = null;
        boolean fed = false;
        for (int i = 0; i < types.length; i++) {
            if (types[i].getName().equals("com.amazonaws.services.lambda.runtime.Context")) {
                args[i] = Contexts.make(types[i], fields);
            } else if (types[i] == OutputStream.class) {
                args[i] = out = new ByteArrayOutputStream();
            } else if (!fed) {
                args[i] = input(types[i], event);
                fed = true;
            } else {
                throw new FormError("Runtime.UnmarshalError",
                    "parameter " + (i + 1) + " of the handler is a " + types[i].getName()
                    + ": a handler takes an event, perhaps an OutputStream, and perhaps a Context");
            }
        }
        Object value;
        try {
            value = method.invoke(object, args);
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
        if (out != null) {
            return out.toByteArray();
        }
        try {
            return Json.write(value).getBytes(StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            throw new FormError("Runtime.MarshalError", "Unable to marshal response: " + e.getMessage());
        }
    }

    private static Object input(Class<?> type, byte[] event) throws FormError {
        if (type == InputStream.class) {
            return new ByteArrayInputStream(event);
        }
        Object value;
        try {
            value = Json.parse(new String(event, StandardCharsets.UTF_8));
        } catch (IllegalArgumentException e) {
            throw new FormError("Runtime.UnmarshalError", "Unable to unmarshal input: " + e.getMessage());
        }
        if (value == null || type.isInstance(value)) {
            return value;
        }
        if (value instanceof Long && (type == Integer.class || type == int.class)) {
            return ((Long) value).intValue();
        }
        if (value instanceof Long && type == long.class || value instanceof Boolean && type == boolean.class) {
            return value;
        }
        boolean builtIn = Map.class.isAssignableFrom(type) || List.class.isAssignableFrom(type) || type == String.class;
        String advice = builtIn ? ""
            : ": this runtime fills Map<String, Object>, List, String, numbers and streams, not classes of yours";
        throw new FormError("Runtime.UnmarshalError",
            "the event does not fit the handler's " + type.getName() + advice);
    }

    static String message(Throwable t) {
        return t.getMessage() == null ? t.getClass().getName() : t.getMessage();
    }
}
