// How fast Debezium's engine hands over changes, without Kafka, and as objects that nobody turns into
// text or bytes.
//
//   java -cp 'LIBS/*' DebeziumChanges.java PROPERTIES COUNT
//       counts the first COUNT changes of rows. PROPERTIES: of the engine, and perhaps
//       start.partition and start.offset, in JSON: where it goes on, as if it had noted that
//
// Prints {"seconds", "cpu", "events"}, from the first batch to the last: the starts of Java and of
// the engine, and what it reads before it hands over its first batch, are not timed.

import com.sun.management.OperatingSystemMXBean;
import io.debezium.embedded.Connect;
import io.debezium.engine.DebeziumEngine;
import io.debezium.engine.RecordChangeEvent;
import io.debezium.engine.format.ChangeEventFormat;
import java.io.FileReader;
import java.io.ObjectOutputStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.source.SourceRecord;

public class DebeziumChanges {
  static final int WAIT_SECONDS_MAX = 300;

  static class Counter
      implements DebeziumEngine.ChangeConsumer<RecordChangeEvent<SourceRecord>> {
    final OperatingSystemMXBean system =
        (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    final CountDownLatch isDone = new CountDownLatch(1);
    final long count;
    volatile long events, begin, end, cpuBegin, cpuEnd;  // nanoseconds

    Counter(long count) {
      this.count = count;
    }

    @Override
    public void handleBatch(
        List<RecordChangeEvent<SourceRecord>> batch,
        DebeziumEngine.RecordCommitter<RecordChangeEvent<SourceRecord>> committer)
        throws InterruptedException {
      long changes = batch.stream().filter(event -> isChange(event.record())).count();
      if (changes > 0 && events == 0) {
        begin = System.nanoTime();
        cpuBegin = system.getProcessCpuTime();
      }
      events += changes;
      for (RecordChangeEvent<SourceRecord> event : batch) committer.markProcessed(event);
      committer.markBatchFinished();
      if (events < count || isDone.getCount() == 0) return;
      end = System.nanoTime();
      cpuEnd = system.getProcessCpuTime();
      isDone.countDown();
    }

    // What tells of schemas, transactions and heartbeats has no operation.
    static boolean isChange(SourceRecord record) {
      return record.value() instanceof Struct value && value.schema().field("op") != null;
    }
  }

  // As org.apache.kafka.connect.storage.FileOffsetBackingStore does.
  static void noteStart(Properties properties) throws Exception {
    String partition = properties.getProperty("start.partition");
    if (partition == null) return;
    String key = String.format("[\"%s\",%s]", properties.getProperty("name"), partition);
    HashMap<byte[], byte[]> offsets = new HashMap<>();
    offsets.put(key.getBytes(StandardCharsets.UTF_8),
        properties.getProperty("start.offset").getBytes(StandardCharsets.UTF_8));
    Path file = Path.of(properties.getProperty("offset.storage.file.filename"));
    try (ObjectOutputStream out = new ObjectOutputStream(Files.newOutputStream(file))) {
      out.writeObject(offsets);
    }
  }

  static void fail(String why, Throwable error) {
    System.err.println("DebeziumChanges: " + why);
    if (error != null) error.printStackTrace();
    System.exit(1);
  }

  public static void main(String[] arguments) throws Exception {
    Properties properties = new Properties();
    try (FileReader reader = new FileReader(arguments[0])) {
      properties.load(reader);
    }
    noteStart(properties);
    Counter counter = new Counter(Long.parseLong(arguments[1]));
    var engine = DebeziumEngine.create(ChangeEventFormat.of(Connect.class))
        .using(properties)
        .notifying(counter)
        .using((success, message, error) -> {
          if (counter.isDone.getCount() > 0) fail("the engine ended: " + message, error);
        })
        .build();
    var executor = Executors.newSingleThreadExecutor();
    executor.execute(engine);
    if (!counter.isDone.await(WAIT_SECONDS_MAX, TimeUnit.SECONDS)) {
      fail("it has handed over " + counter.events + " changes of " + counter.count, null);
    }
    engine.close();
    executor.shutdown();
    System.out.printf(Locale.ROOT, "{\"seconds\": %.6f, \"cpu\": %.6f, \"events\": %d}%n",
        (counter.end - counter.begin) / 1e9, (counter.cpuEnd - counter.cpuBegin) / 1e9,
        counter.events);
  }
}
