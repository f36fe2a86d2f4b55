// How the process that owns a state's serving version answers the reading verbs of other
// processes: over a Unix socket in the state directory, mode 0600.
//
// One request a connection: a line of JSON (OwnerRequest); the answer is frames of a 4-byte
// little-endian length and so many bytes, closed by a frame of length 0, then the status as a frame
// of its own: a code byte and the message. A connection that ends early is an error of its reader.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "murmur/status.h"
#include "runtime/reader.h"

namespace murmur {

// Serves until it is destroyed, several requests at once. An answer under way is seen to its end,
// its peer as long as that takes it.
class OwnerSocket {
 public:
  using Answer = std::function<Status(const OwnerRequest&, const WriteText&)>;

  // Errors: kUnavailable (the socket can't be made; names why). The owner works without.
  static Result<std::unique_ptr<OwnerSocket>> Listen(const std::string& state_path, Answer answer);
  ~OwnerSocket();
  OwnerSocket(const OwnerSocket&) = delete;
  OwnerSocket& operator=(const OwnerSocket&) = delete;

 private:
  OwnerSocket(int directory, int listener, Answer answer);
  void Serve(std::stop_token stop);
  void AnswerOne(int connection) const;
  // Ends the threads that have answered; all of them, if so wished.
  void Reap(bool all);

  struct Connection {
    std::atomic<bool> answered{false};
    std::jthread thread;  // last: it uses what stands before it
  };

  const int directory_;
  const int listener_;
  const Answer answer_;
  std::list<Connection> connections_;  // of the serving thread
  std::jthread thread_;
};

// Asks the owner of the state at `state_path`. Errors: kUnavailable: no owner listens, or it went
// away; else what the owner said.
Status AskOwner(const std::string& state_path, const OwnerRequest& request, const WriteText& write);

}  // namespace murmur
