// How the process that owns a state's serving version answers the reading verbs of other
// processes: over a Unix socket of mode 0600 at StateStore::OwnerAddress.
//
// A connection carries one request: a line of JSON (OwnerRequest). The answer is a sequence of
// frames, each a 4-byte little-endian length and that many bytes. A frame of length 0 ends them;
// one more frame has the status: a code byte and the message. If a connection ends early, its
// reader fails.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "murmur/status.h"
#include "runtime/owner/owner_request.h"

namespace murmur {

// Serves until it is destroyed, several requests at once. Answers under way are finished, even if
// the peer is slow.
class OwnerSocket {
 public:
  using Answer = std::function<Status(const OwnerRequest&, const WriteText&)>;

  // Errors: kUnavailable (the socket can't be made; names why). The owner works without.
  static Result<std::unique_ptr<OwnerSocket>> Listen(const std::string& socket_address,
                                                     Answer answer);
  ~OwnerSocket();
  OwnerSocket(const OwnerSocket&) = delete;
  OwnerSocket& operator=(const OwnerSocket&) = delete;

 private:
  OwnerSocket(int directory, std::string name, int listener, Answer answer);
  void Serve(std::stop_token stop);
  void AnswerOne(int connection) const;
  // Joins the threads that have answered; all of them, if `all`.
  void Reap(bool all);

  struct Connection {
    std::atomic<bool> answered{false};
    std::jthread thread;  // last: it uses the members before it
  };

  const int directory_;
  const std::string name_;  // of the socket in it
  const int listener_;
  const Answer answer_;
  std::list<Connection> connections_;  // used by the serving thread
  std::jthread thread_;
};

// Asks the owner that listens at `socket_address`. Errors: kUnavailable (no owner
// listens, or it went away); else what the owner said.
Status AskOwner(const std::string& socket_address, const OwnerRequest& request,
                const WriteText& write);

}  // namespace murmur
