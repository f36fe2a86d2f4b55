// XA transactions, whose changes lie in the log where they are prepared. They are committed later,
// at a place of their own, and reads see them some time after that: unlike others, also a
// consistent snapshot may lack one whose commit lies before its place in the log.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "source/detachable_thread.h"
#include "source/mariadb/maria_connection.h"
#include "source/mariadb/maria_log.h"
#include "source/mariadb/maria_position.h"
#include "source/retries.h"
#include "source/source_notes.h"

namespace murmur {

// The names of the transactions that are prepared, as XidText. Errors: those of
// MariaConnection::Ask.
Result<std::set<std::string>> PreparedXa(MariaConnection& connection, const std::stop_token& stop);

// Where changes must be read from so that, with what reads see from now on, none is missing. Waits
// until each transaction that is prepared has ended, first at the place `open` of the position,
// then at its place; `notes` is told for whom `who` waits: "the scan".
Result<MariaPosition> MariaHandoffNow(MariaConnection& connection, std::string_view who,
                                      SourceNotes* notes, const std::stop_token& stop);

// Which XA transactions that changed a table were prepared and committed, as the log says.
// Threads: any.
class XaHistory {
 public:
  void NotePrepared(const std::string& xid, const BinlogPlace& place);
  void NoteEnded(const std::string& xid, const BinlogPlace& place, bool is_committed);

  // Those that a read as of `place` may lack, though they are committed at or before it. Before the
  // read began, the log's end was `before`, and then those of `prepared` were prepared. The history
  // has the log up to `place`. Forgets what each later read sees.
  std::vector<std::string> Unseen(const BinlogPlace& before, const std::set<std::string>& prepared,
                                  const BinlogPlace& place);

 private:
  struct Committed {
    std::string xid;
    BinlogPlace place;
    std::optional<BinlogPlace> reused;  // where another one of this name was prepared
  };

  std::set<std::string> prepared_;
  std::vector<Committed> committed_;
};

// Begins reads of a table each of which saw exactly what is committed at or before its place in the
// log. A thread follows the log for them.
// Threads: BeginRead from any.
class MariaXaWatch {
 public:
  // From `from` on: what was prepared before has ended. `notes` outlives it.
  MariaXaWatch(std::shared_ptr<const MariaPlace> place, std::string database, std::string table,
               const BinlogPlace& from, SourceNotes* notes);
  ~MariaXaWatch();

  // As BeginMariaSnapshot. Reads begin one after the other. Errors: also those of MariaLog.
  Result<BinlogPlace> BeginRead(MariaConnection& connection, const std::stop_token& stop);

 private:
  class Following;
  struct Turn;

  const std::shared_ptr<const MariaPlace> place_;
  SourceNotes* const notes_;
  const std::shared_ptr<Following> following_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool is_taken_ = false;  // under mutex_: somebody begins a read
  const DetachableThread thread_;
};

}  // namespace murmur
