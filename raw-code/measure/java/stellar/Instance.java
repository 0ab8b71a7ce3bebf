package stellar;

import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;

/** What this process says about itself. */
final class Instance {
    private static final long TICK = 10_000_000; // ns: the kernel tells a process's start in such steps

    private final long started = processStart();
    private final Map<String, Object> fixed = new LinkedHashMap<>();
    private String id = "";
    private long invocations;
    private volatile long initNs;

    Instance() {
        fixed.put("StartedAt", Long.toString(started));
        fixed.put("Runtime", "java" + System.getProperty("java.version"));
        fixed.put("MemoryMB", number(System.getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")));
        fixed.put("CPU", Runtime.getRuntime().availableProcessors() + "," + cpuModel());
        fixed.put("Host", host());
    }

    /** The wall clock, Unix ns. */
    static long now() {
        Instant i = Instant.now();
        return i.getEpochSecond() * 1_000_000_000L + i.getNano();
    }

    /** Notes the end of initialisation. */
    void ready() {
        initNs = now() - started;
    }

    /** Called when a request arrives: exactly one of several concurrent requests is cold. */
    synchronized Map<String, Object> claim() {
        invocations++;
        if (id.isEmpty()) {
            id = randomId(); // drawn here, so that copies restored from one snapshot differ
        }
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("ID", id);
        out.put("Cold", invocations == 1);
        out.put("Invocation", invocations);
        out.put("InitNs", initNs);
        out.putAll(fixed);
        return out;
    }

    /** 32 hexadecimal digits. */
    static String randomId() {
        byte[] b = new byte[16];
        try (InputStream in = new FileInputStream("/dev/urandom")) {
            if (in.readNBytes(b, 0, b.length) == b.length) {
                return Sha256.hex(b);
            }
        } catch (IOException e) {
            // Below.
        }
        new java.security.SecureRandom().nextBytes(b);
        return Sha256.hex(b);
    }

    /** When the process began, Unix ns, as the kernel tells it: the error is one tick either way. */
    private static long processStart() {
        try {
            String stat = read("/proc/self/stat");
            // The second field is the program's name in parentheses and may hold anything: count from its end.
            String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
            long ticks = Long.parseLong(fields[19]); // starttime, field 22 (proc(5))
            String uptime = read("/proc/uptime");
            uptime = uptime.substring(0, uptime.indexOf(' '));
            long hundredths = Long.parseLong(uptime.replace(".", ""));
            return now() - (hundredths - ticks) * TICK;
        } catch (IOException | RuntimeException e) {
            Instant start = ProcessHandle.current().info().startInstant().orElse(Instant.now());
            return start.getEpochSecond() * 1_000_000_000L + start.getNano();
        }
    }

    private static String cpuModel() {
        try (InputStream in = new FileInputStream("/proc/cpuinfo")) {
            for (String line : new String(in.readNBytes(4096), StandardCharsets.UTF_8).split("\n")) {
                int colon = line.indexOf(':');
                if (colon > 0 && line.substring(0, colon).trim().equals("model name")) {
                    return line.substring(colon + 1).trim();
                }
            }
        } catch (IOException e) {
            // Not reported on this system.
        }
        return "";
    }

    private static String host() {
        try {
            return read("/proc/sys/kernel/hostname").trim();
        } catch (IOException e) {
            String name = System.getenv("HOSTNAME");
            return name == null ? "" : name;
        }
    }

    private static String read(String file) throws IOException {
        try (InputStream in = Files.newInputStream(Paths.get(file))) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private static long number(String text) {
        try {
            return text == null ? 0 : Long.parseLong(text);
        } catch (NumberFormatException e) {
            return 0;
        }
    }
}
