// Starts DynamoDB Local on loopback alone: its own main listens everywhere. It also switches on the
// control for tests that the server has and no option reaches (dynamo_server.py uses it). By
// reflection, so that it compiles without the server's jars.
import java.lang.reflect.Field;

public class DynamoLocal {
  static Field field(Object object, String name) throws Exception {
    for (Class<?> c = object.getClass(); c != null; c = c.getSuperclass()) {
      try {
        Field field = c.getDeclaredField(name);
        field.setAccessible(true);
        return field;
      } catch (NoSuchFieldException e) {
        // It may be its superclass's.
      }
    }
    throw new NoSuchFieldException(name);
  }

  static Object get(Object object, String name) throws Exception {
    return field(object, name).get(object);
  }

  public static void main(String[] arguments) throws Exception {
    Class<?> runner =
        Class.forName("com.amazonaws.services.dynamodbv2.local.main.ServerRunner");
    Object proxy = runner.getMethod("createServerFromCommandLineArgs", String[].class)
        .invoke(null, (Object) arguments);
    Object jetty = get(proxy, "server");
    for (Object connector : (Object[]) jetty.getClass().getMethod("getConnectors").invoke(jetty)) {
      connector.getClass().getMethod("setHost", String.class).invoke(connector, "127.0.0.1");
    }
    Object handler = get(get(proxy, "serverHandler"), "primaryHandler");
    field(handler, "isTestControlEnabled").setBoolean(handler, true);
    proxy.getClass().getMethod("start").invoke(proxy);
    proxy.getClass().getMethod("join").invoke(proxy);
  }
}
