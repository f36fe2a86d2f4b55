// The verbs of the program. Each takes what the command line said and returns the exit code.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace murmur::cli {

inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

enum class Format { kAuto, kTable, kJson, kJsonLines, kCsv, kParquet };

struct RunArguments {
  std::string file;
  uint32_t threads = 0;
  std::optional<std::string> max_errors;  // a number, or "unlimited"
  bool quiet = false;
  bool until_caught_up = false;  // of `run`
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
  bool total = false;
};

int CheckVerb(const std::string& file);
int BootstrapVerb(const RunArguments& arguments);
int RunVerb(const RunArguments& arguments);
int QueryVerb(const ReadArguments& arguments);
int DumpVerb(const ReadArguments& arguments);
int StatusVerb(const ReadArguments& arguments);

}  // namespace murmur::cli
