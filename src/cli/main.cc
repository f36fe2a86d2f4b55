// The program: reads the command line, calls the verb.
#include <fmt/format.h>
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <exception>
#include <functional>
#include <map>

#include "cli/commands.h"
#include "cli/output.h"
#include "murmur/run.h"

namespace murmur::cli {
namespace {

// glibc's default, eight arenas per core, lets each thread keep its peak of memory: the peaks of
// threads that come and go would add up beyond the definition's `memory`.
constexpr int kMallocArenas = 2;

const std::map<std::string, Format> kRowFormats = {
    {"table", Format::kTable}, {"json", Format::kJson},       {"jsonl", Format::kJsonLines},
    {"csv", Format::kCsv},     {"parquet", Format::kParquet}, {"arrow", Format::kArrow},
};
const std::map<std::string, Format> kSummaryFormats = {{"table", Format::kTable},
                                                       {"json", Format::kJson}};

CLI::App* AddVerb(CLI::App* app, const char* name, const char* description, std::string* file) {
  CLI::App* verb = app->add_subcommand(name, description);
  verb->add_option("FILE", *file, "The definition, a YAML file")->required();
  return verb;
}

void AddFormatOption(CLI::App* verb, Format* format, const std::map<std::string, Format>& formats,
                     const char* help) {
  const CLI::Validator names(
      [formats](std::string& text) {
        const auto found = formats.find(text);
        if (found != formats.end()) {
          text = std::to_string(static_cast<int>(found->second));
          return std::string();
        }
        std::string known;
        for (const auto& [name, value] : formats) known += (known.empty() ? "" : ", ") + name;
        return "'" + text + "' is none of: " + known;
      },
      "");
  verb->add_option("--format", *format, help)->type_name("NAME")->transform(names);
}

void AddThreadsOption(CLI::App* verb, uint32_t* threads) {
  verb->add_option("--threads", *threads, "Workers (default: as defined, else all cores)")
      ->check(CLI::Range(1, 1024));
}

void AddRunOptions(CLI::App* verb, RunArguments* arguments) {
  AddThreadsOption(verb, &arguments->threads);
  verb->add_option(
      "--max-errors", arguments->max_errors,
      "Dead letters allowed before FAILED: a number or 'unlimited' (default: as defined,\n"
      "else 0, and unlimited live)");
  verb->add_flag("--quiet,-q", arguments->quiet, "No progress and no summary");
  AddFormatOption(verb, &arguments->format, kSummaryFormats, "json: a summary on standard output");
}

void AddServeOptions(CLI::App* verb, const char* http, ServeArguments* arguments) {
  verb->add_option(http, arguments->http, "Answer by HTTP at HOST:PORT, or at PORT of 127.0.0.1")
      ->type_name("ADDR");
  verb->add_option("--grpc", arguments->grpc,
                   "Answer by gRPC at HOST:PORT, or at PORT of 127.0.0.1")
      ->type_name("ADDR");
  verb->add_flag("--insecure", arguments->insecure,
                 "Allow addresses that other machines reach: nobody has to say who they are");
}

void AddQueryOptions(CLI::App* verb, ReadArguments* arguments) {
  verb->add_option("KEY", arguments->keys,
                   "Values joined by commas; \"…\" around one that has a comma; '' for no parts")
      ->required();
  verb->add_option("--window", arguments->window,
                   "The last windows of that length together, such as 7d or 3mo");
  verb->add_option("--as-of", arguments->as_of, "Where --window ends (default: newest event time)");
  verb->add_option("--from", arguments->from, "Windows from this time or date on");
  verb->add_option("--to", arguments->to, "Windows that begin before this time");
  verb->add_option("--rollup", arguments->rollup, "Which key list: its names, joined by commas");
  CLI::Option* total =
      verb->add_flag("--total", arguments->total, "One row: those windows combined");
  verb->add_option("--trailing", arguments->trailing,
                   "A row for each window: the windows of this length that end with it, combined")
      ->excludes(total);
  verb->add_option("--aggregates", arguments->aggregates, "Only these: names, joined by commas");
  AddFormatOption(verb, &arguments->format, kRowFormats,
                  "table or json (default: table on a terminal), csv");
}

void AddVerifyOptions(CLI::App* verb, VerifyArguments* arguments) {
  AddThreadsOption(verb, &arguments->threads);
  verb->add_flag(
      "--repair", arguments->repair,
      "Bring what differs to the truth, and verify again; no process may write the state");
  verb->add_flag("--all", arguments->all, "Every finding, not only the first 100");
  verb->add_flag("--quiet,-q", arguments->quiet, "No progress");
  AddFormatOption(verb, &arguments->format, kSummaryFormats,
                  "table (default), or json: an object a finding, and a summary");
}

using Verb = std::function<int()>;

void AddVersionVerbs(CLI::App* app, VersionArguments* arguments, Verb* verb) {
  const auto run = [=](int (*call)(const VersionArguments&)) {
    return [=] { *verb = [=] { return call(*arguments); }; };
  };
  CLI::App* versions = AddVerb(
      app, "versions", "The versions of the state; * marks the serving one", &arguments->file);
  AddFormatOption(versions, &arguments->format, kSummaryFormats, "table (default) or json");
  versions->callback(run(VersionsVerb));

  CLI::App* swap = AddVerb(app, "swap", "Make version N the serving one", &arguments->file);
  swap->add_option("N", arguments->version, "A complete version")->required();
  swap->callback(run(SwapVerb));

  AddVerb(app, "rollback", "Back to the version that served before", &arguments->file)
      ->callback(run(RollbackVerb));

  CLI::App* drop = AddVerb(app, "drop", "Delete version N, which does not serve", &arguments->file);
  drop->add_option("N", arguments->version, "The version")->required();
  drop->callback(run(DropVerb));

  CLI::App* diff =
      AddVerb(app, "diff", "Keys whose values differ between two versions", &arguments->file);
  diff->add_option("A", arguments->version, "The one version")->required();
  diff->add_option("B", arguments->other, "The other")->required();
  diff->add_option("--top", arguments->top, "How many keys, those that differ most (default 10)");
  AddFormatOption(diff, &arguments->format, kSummaryFormats, "table (default) or json");
  diff->callback(run(DiffVerb));
}

int ReportBug(const char* what) {
  return Report(
      Status(Code::kInternal,
             fmt::format("unexpected: {}\nThis is a bug of Murmur, not of your data: "
                         "please report it, with the definition and this message. Whatever "
                         "was committed is good.",
                         what)));
}

// For an exception in another thread, which no catch sees.
[[noreturn]] void OnTerminate() {
  if (const auto exception = std::current_exception()) {
    try {
      std::rethrow_exception(exception);
    } catch (const std::exception& error) {
      std::_Exit(ReportBug(error.what()));
    } catch (...) {
    }
  }
  std::abort();
}

int Main(int argc, char** argv) {
  CLI::App app(
      "Murmur keeps exact aggregates over data you already have: counts, sums, distinct\n"
      "users, top-k, quantiles, per key and time window.");
  app.name("murmur");
  app.set_version_flag("--version", "murmur " MURMUR_VERSION);
  app.require_subcommand(1);
  Verb verb;
  std::string check_file;
  AddVerb(&app, "check",
          "Validate a definition and print the plan, with a look at the first records of files;\n"
          "writes nothing",
          &check_file)
      ->callback([&] { verb = [&] { return CheckVerb(check_file); }; });

  RunArguments run;
  CLI::App* bootstrap =
      AddVerb(&app, "bootstrap", "Read the whole source into the state, going on where it stopped",
              &run.file);
  AddRunOptions(bootstrap, &run);
  bootstrap->add_flag("--fresh", run.fresh,
                      "Into a new version beside the serving one, then swap to it");
  bootstrap->callback([&] { verb = [&] { return BootstrapVerb(run); }; });

  CLI::App* whole =
      AddVerb(&app, "run", "The whole life: bootstrap if the state is new, then live", &run.file);
  AddRunOptions(whole, &run);
  whole->add_flag("--until-caught-up", run.until_caught_up,
                  "End when everything that is there now is counted");
  AddServeOptions(whole, "--serve", &run.serve);
  whole->callback([&] { verb = [&] { return RunVerb(run); }; });

  ServeFilesArguments serve;
  CLI::App* serve_verb = app.add_subcommand(
      "serve", "Answer by HTTP and gRPC from the states' files, beside whoever writes them");
  serve_verb->add_option("FILE", serve.files, "The definitions, YAML files")->required();
  AddServeOptions(serve_verb, "--listen", &serve.serve);
  serve_verb->callback([&] { verb = [&] { return ServeVerb(serve); }; });

  CLI::App* replay =
      AddVerb(&app, "replay",
              "Read history into a new version beside the serving one, then swap to it", &run.file);
  AddRunOptions(replay, &run);
  replay->add_option("--from", run.from,
                     "From this event time (RFC 3339), from 0:1500,1:1480, or 'earliest'");
  replay->add_option("--to", run.to,
                     "Up to, and without, this event time or these offsets, or 'now'");
  replay->add_flag("--no-swap", run.no_swap, "Leave the new version beside the serving one");
  replay->add_flag("--partial", run.partial, "Let a range take the serving version's place");
  replay->callback([&] { verb = [&] { return ReplayVerb(run); }; });

  ReadArguments read;
  CLI::App* query =
      AddVerb(&app, "query", "Answer for keys: all windows, or the last ones", &read.file);
  AddQueryOptions(query, &read);
  query->callback([&] { verb = [&] { return QueryVerb(read); }; });

  CLI::App* dump =
      AddVerb(&app, "dump", "Print the whole state, one line a key and window", &read.file);
  AddFormatOption(dump, &read.format, kRowFormats,
                  "jsonl (default, but a table on a terminal), table, json, csv, parquet, arrow");
  dump->add_option("--output,-o", read.output, "Write to this file instead of standard output");
  dump->callback([&] { verb = [&] { return DumpVerb(read); }; });

  CLI::App* status =
      AddVerb(&app, "status", "Progress, positions and dead letters of the state", &read.file);
  AddFormatOption(status, &read.format, kSummaryFormats, "table (default) or json");
  status->callback([&] { verb = [&] { return StatusVerb(read); }; });

  VerifyArguments verify;
  CLI::App* verify_verb = AddVerb(
      &app, "verify", "Where the state of a table differs from the table; exit code 1 if it does",
      &verify.file);
  AddVerifyOptions(verify_verb, &verify);
  verify_verb->callback([&] { verb = [&] { return VerifyVerb(verify); }; });

  VersionArguments version;
  AddVersionVerbs(&app, &version, &verb);

  // Set last: otherwise verbs would inherit it.
  app.footer(
      "A first try:   murmur check page_views.yaml\n"
      "               murmur bootstrap page_views.yaml\n"
      "               murmur query page_views.yaml /home --window 7d\n"
      "`murmur VERB --help` tells more. Exit codes: 0 done, 1 failed, 2 wrong usage or "
      "definition.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitDone : kExitUsage;
  }
  const int exit_code = verb();
  Shutdown();
  return exit_code;
}

}  // namespace
}  // namespace murmur::cli

int main(int argc, char** argv) {
  mallopt(M_ARENA_MAX, murmur::cli::kMallocArenas);
  // libmongoc's counters, which nobody reads, are a file per process that a kill leaves in place.
  ::setenv("MONGOC_DISABLE_SHM", "1", /*overwrite=*/0);
  std::set_terminate(murmur::cli::OnTerminate);
  try {
    return murmur::cli::Main(argc, argv);
  } catch (const std::exception& error) {
    return murmur::cli::ReportBug(error.what());
  }
}
