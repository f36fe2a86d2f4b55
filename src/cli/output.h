// Results go to standard output, everything else to standard error.
#pragma once

#include <string>
#include <string_view>

#include "murmur/query.h"
#include "murmur/status.h"

namespace murmur::cli {

// Writes to standard output. Errors: kUnavailable, also if the reader has left (a closed pipe).
Status WriteStdout(std::string_view text);

// "murmur: message", red on a terminal; returns the exit code for the error.
int Report(const Status& status);
// The same for errors of the command line or the definition; the code is always kExitUsage.
int ReportUsage(const Status& status);

void Note(std::string_view line);  // a line on standard error

bool StderrIsTerminal();

// 1.31 GB; 9.1 M; 1:02:03.
std::string Bytes(uint64_t n);
std::string Rate(double per_second);
std::string Duration(double seconds);

}  // namespace murmur::cli
