// The verbs of the program. Each takes the parsed command line and returns the exit code.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace murmur::cli {

inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

enum class Format { kAuto, kTable, kJson, kJsonLines, kCsv, kParquet, kArrow };

// Where to serve; empty: not by this protocol.
struct ServeArguments {
  std::string http;
  std::string grpc;
  bool insecure = false;  // other machines may ask, whoever they are
};

struct ServeFilesArguments {
  std::vector<std::string> files;
  ServeArguments serve;
};

struct RunArguments {
  std::string file;
  uint32_t threads = 0;
  std::optional<std::string> max_errors;  // a number, or "unlimited"
  bool quiet = false;
  bool until_caught_up = false;  // of `run`
  ServeArguments serve;          // of `run`
  bool fresh = false;            // of `bootstrap`
  bool no_swap = false;          // of `replay`, as are those below
  bool partial = false;
  std::string from;
  std::string to;
  Format format = Format::kTable;
};

struct ReadArguments {
  std::string file;
  Format format = Format::kAuto;
  std::string output;  // of `dump`; empty: stdout
  std::vector<std::string> keys;
  std::string rollup;
  std::string window;
  std::string as_of;
  std::string from;
  std::string to;
  std::string trailing;
  std::string aggregates;
  bool total = false;
};

struct VersionArguments {
  std::string file;
  uint64_t version = 0;
  uint64_t other = 0;  // of `diff`
  uint64_t top = 10;   // of `diff`
  Format format = Format::kTable;
};

struct VerifyArguments {
  std::string file;
  uint32_t threads = 0;
  bool quiet = false;
  bool repair = false;
  bool all = false;  // all findings, however many
  Format format = Format::kTable;
};

int CheckVerb(const std::string& file);
int BootstrapVerb(const RunArguments& arguments);
int ReplayVerb(const RunArguments& arguments);
int RunVerb(const RunArguments& arguments);
int ServeVerb(const ServeFilesArguments& arguments);
int QueryVerb(const ReadArguments& arguments);
int DumpVerb(const ReadArguments& arguments);
int StatusVerb(const ReadArguments& arguments);
int VerifyVerb(const VerifyArguments& arguments);
int VersionsVerb(const VersionArguments& arguments);
int SwapVerb(const VersionArguments& arguments);
int RollbackVerb(const VersionArguments& arguments);
int DropVerb(const VersionArguments& arguments);
int DiffVerb(const VersionArguments& arguments);

}  // namespace murmur::cli
