import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.hadoop.hbase.HBaseConfiguration;
import org.apache.hadoop.hbase.TableName;
import org.apache.hadoop.hbase.client.*;
import org.apache.hadoop.hbase.regionserver.BloomType;
import org.apache.hadoop.hbase.util.Bytes;

/**
 * Creates, drops, disables and enables OpenTSDB's tables: one JVM for all, since a JVM takes seconds to start.
 * Answers each line on its socket with `ok` or `error REASON`:
 *   create SUFFIX   the four tables of one OpenTSDB, those that are missing ("-" is no suffix)
 *   drop SUFFIX     the four tables, those that exist
 *   disable TABLE   takes one table offline
 *   enable TABLE    and back
 */
public class TableServer {
  static final String[][] TABLES = {
    {"tsdb", "t"}, {"tsdb-uid", "id", "name"}, {"tsdb-tree", "t"}, {"tsdb-meta", "name"}
  };

  public static void main(String[] none) throws Exception {
    try (Connection connection = ConnectionFactory.createConnection(HBaseConfiguration.create());
        Admin admin = connection.getAdmin();
        ServerSocket server = new ServerSocket(0, 50, InetAddress.getByName("127.0.0.1"))) {
      System.out.println("listening on " + server.getLocalPort());
      while (true) {
        Socket socket = server.accept();
        Thread thread = new Thread(() -> serve(socket, admin));
        thread.setDaemon(true);
        thread.start();
      }
    }
  }

  static void serve(Socket socket, Admin admin) {
    try (BufferedReader in = new BufferedReader(new InputStreamReader(socket.getInputStream(), "UTF-8"));
        PrintStream out = new PrintStream(socket.getOutputStream(), true, "UTF-8")) {
      for (String line; (line = in.readLine()) != null; ) {
        String[] words = line.split(" ");
        try {
          run(admin, words[0], words[1]);
          out.println("ok");
        } catch (Exception e) {
          out.println("error " + line + ": " + e.toString().replace('\n', ' '));
        }
      }
    } catch (Exception e) {
      e.printStackTrace();
    }
  }

  static void run(Admin admin, String verb, String subject) throws Exception {
    switch (verb) {
      case "create": create(admin, subject.equals("-") ? "" : subject); break;
      case "drop": drop(admin, subject); break;
      case "disable": admin.disableTable(TableName.valueOf(subject)); break;
      case "enable": admin.enableTable(TableName.valueOf(subject)); break;
      default: throw new IllegalArgumentException("unknown command");
    }
  }

  static void create(Admin admin, String suffix) throws Exception {
    List<Future<Void>> running = new ArrayList<>();
    for (String[] table : TABLES) {
      TableName name = TableName.valueOf(table[0] + suffix);
      if (admin.tableExists(name)) continue;
      TableDescriptorBuilder builder = TableDescriptorBuilder.newBuilder(name);
      for (int i = 1; i < table.length; i++)
        builder.setColumnFamily(
            ColumnFamilyDescriptorBuilder.newBuilder(Bytes.toBytes(table[i])).setBloomFilterType(BloomType.ROW).build());
      running.add(admin.createTableAsync(builder.build()));
    }
    for (Future<Void> one : running) one.get(60, TimeUnit.SECONDS);
  }

  static void drop(Admin admin, String suffix) throws Exception {
    for (String[] table : TABLES) {
      TableName name = TableName.valueOf(table[0] + suffix);
      if (!admin.tableExists(name)) continue;
      if (admin.isTableEnabled(name)) admin.disableTable(name);
      admin.deleteTable(name);
    }
  }
}
