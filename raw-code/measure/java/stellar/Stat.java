package stellar;

import java.io.IOException;
import java.io.InputStream;
import java.net.DatagramSocket;
import java.net.HttpURLConnection;
import java.net.InetAddress;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.StringTokenizer;
import java.util.UUID;

/** The micro-test stat: what the instance can say of itself and its machine. What a system does not tell is empty. */
final class Stat {
    private static final int PATIENCE = 2000; // ms

    private Stat() {
    }

    /** instance is what the answer says of it. */
    static Map<String, Object> get(Map<String, Object> instance) {
        String fresh = UUID.randomUUID().toString();
        String temp = Measure.env("TMPDIR").isEmpty() ? "/tmp" : Measure.env("TMPDIR");
        String[] ids = cgroupIds(read("/proc/self/cgroup"));
        StringTokenizer uptime = new StringTokenizer(read("/proc/uptime"));
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("exist_id", existingId(Paths.get(temp, "inst_id.txt"), fresh));
        out.put("new_id", fresh);
        out.put("vm_id", ids[0]);
        out.put("inst_id", ids[1]);
        out.put("vm_priv_ip", hostAddress(String.valueOf(instance.get("Host"))));
        out.put("vm_pub_ip", publicAddress(Measure.env("STELLAR_PUBLIC_IP_URL")));
        out.put("inst_priv_ip", ownAddress());
        out.put("uptime", uptime.hasMoreTokens() ? Double.valueOf(uptime.nextToken()) : null);
        out.put("cpu_info", instance.get("CPU"));
        return out;
    }

    private static String read(String name) {
        try (InputStream in = Files.newInputStream(Paths.get(name))) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            return ""; // a system without this file
        }
    }

    /** The id in a file. The first who asks writes its own; where that cannot be, each has its own. */
    private static String existingId(Path file, String fresh) {
        try {
            Files.write(file, fresh.getBytes(StandardCharsets.UTF_8), StandardOpenOption.CREATE_NEW,
                StandardOpenOption.WRITE);
            return fresh;
        } catch (IOException e) {
            String id = read(file.toString()).trim();
            return id.isEmpty() ? fresh : id;
        }
    }

    /** The ids of the machine and of the instance: the last two names of the longest path of /proc/self/cgroup. */
    static String[] cgroupIds(String text) {
        List<String> longest = new ArrayList<>();
        StringTokenizer lines = new StringTokenizer(text, "\n");
        while (lines.hasMoreTokens()) {
            String line = lines.nextToken();
            int at = line.indexOf(':', line.indexOf(':') + 1);
            StringTokenizer path = new StringTokenizer(at < 0 ? "" : line.substring(at + 1), "/");
            List<String> names = new ArrayList<>();
            while (path.hasMoreTokens()) {
                names.add(path.nextToken());
            }
            if (names.size() > longest.size()) {
                longest = names;
            }
        }
        int n = longest.size();
        return new String[] {n > 1 ? longest.get(n - 2) : "", n > 0 ? longest.get(n - 1) : ""};
    }

    /**
     * The IPv4 address of this host's name: from the hosts file, else from a name such as ip-10-0-0-7. The DNS is not
     * asked.
     */
    private static String hostAddress(String name) {
        StringTokenizer lines = new StringTokenizer(read("/etc/hosts"), "\n");
        while (lines.hasMoreTokens()) {
            String line = lines.nextToken();
            int comment = line.indexOf('#');
            StringTokenizer words = new StringTokenizer(comment < 0 ? line : line.substring(0, comment));
            String address = words.hasMoreTokens() ? words.nextToken() : "";
            while (words.hasMoreTokens()) {
                if (words.nextToken().equals(name) && isVersion4(address) && !address.startsWith("127.")) {
                    return address;
                }
            }
        }
        String first = name.indexOf('.') < 0 ? name : name.substring(0, name.indexOf('.'));
        String address = (first.startsWith("ip-") ? first.substring(3) : first).replace('-', '.');
        return isVersion4(address) ? address : "";
    }

    private static boolean isVersion4(String text) {
        StringTokenizer parts = new StringTokenizer(text, ".", true);
        int numbers = 0;
        for (boolean number = true; parts.hasMoreTokens(); number = !number) {
            String part = parts.nextToken();
            if (number != (Params.digits(part) && part.length() <= 3 && Integer.parseInt(part) <= 255)) {
                return false;
            }
            numbers += number ? 1 : 0;
        }
        return numbers == 4 && !text.endsWith(".");
    }

    /** The address that datagrams to other networks leave from. Connecting a UDP socket sends nothing. */
    private static String ownAddress() {
        try (DatagramSocket socket = new DatagramSocket()) {
            byte[] documentation = {(byte) 192, 0, 2, 1}; // RFC 5737
            socket.connect(InetAddress.getByAddress(documentation), 9);
            InetAddress own = socket.getLocalAddress();
            return own.isAnyLocalAddress() ? "" : own.getHostAddress();
        } catch (IOException | java.io.UncheckedIOException e) {
            return "";
        }
    }

    /** Asks a service that answers with the caller's address. Without a URL no request is sent. */
    private static String publicAddress(String url) {
        if (url.isEmpty()) {
            return "";
        }
        try {
            HttpURLConnection connection = (HttpURLConnection) new URL(url).openConnection();
            connection.setConnectTimeout(PATIENCE);
            connection.setReadTimeout(PATIENCE);
            try (InputStream in = connection.getInputStream()) {
                String text = new String(in.readNBytes(256), StandardCharsets.US_ASCII).trim();
                boolean version6 = text.indexOf(':') >= 0 && InetAddress.getByName(text).getHostAddress() != null;
                return isVersion4(text) || version6 ? text : "";
            } finally {
                connection.disconnect();
            }
        } catch (IOException | ClassCastException e) {
            return "";
        }
    }
}
