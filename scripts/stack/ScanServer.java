import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import net.opentsdb.uid.NoSuchUniqueName;

/**
 * Runs OpenTSDB's own `scan --import` again and again in one JVM, since a JVM takes seconds to start.
 * Each line on its socket is `CONFIG START METRIC`, answered by the lines of the scan and then `ok` or `error REASON`.
 * A metric that has no UID has no cells.
 */
public class ScanServer {
  static final PrintStream STDOUT = System.out;

  static Method scan;

  public static void main(String[] none) throws Exception {
    // The class is not public, being a command.
    scan = Class.forName("net.opentsdb.tools.DumpSeries").getMethod("main", String[].class);
    scan.setAccessible(true);
    try (ServerSocket server = new ServerSocket(0, 50, InetAddress.getByName("127.0.0.1"))) {
      STDOUT.println("listening on " + server.getLocalPort());
      while (true) {
        try (Socket socket = server.accept();
            BufferedReader in = new BufferedReader(new InputStreamReader(socket.getInputStream(), "UTF-8"));
            PrintStream out = new PrintStream(socket.getOutputStream(), true, "UTF-8")) {
          for (String line; (line = in.readLine()) != null; ) answer(line, out);
        } catch (Exception e) {
          e.printStackTrace();
        }
      }
    }
  }

  static void answer(String line, PrintStream out) throws Exception {
    String[] words = line.split("\t");
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    String end = "ok";
    System.setOut(new PrintStream(printed, true, "UTF-8"));
    try {
      String[] command = {"--config=" + words[0], "--import", words[1], "none", words[2]};
      scan.invoke(null, (Object) command);
    } catch (InvocationTargetException e) {
      Throwable reason = e.getCause();
      if (!(reason instanceof NoSuchUniqueName))
        end = "error " + line + ": " + reason.toString().replace('\n', ' ');
    } finally {
      System.setOut(STDOUT);
    }
    out.write(printed.toByteArray());
    out.println(end);
  }
}
