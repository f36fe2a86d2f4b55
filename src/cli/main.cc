// The program: reads the command line, calls the verb.
#include <CLI/CLI.hpp>
#include <functional>
#include <map>

#include "cli/commands.h"

namespace murmur::cli {
namespace {

const std::map<std::string, Format> kRowFormats = {
    {"table", Format::kTable}, {"json", Format::kJson},       {"jsonl", Format::kJsonLines},
    {"csv", Format::kCsv},     {"parquet", Format::kParquet},
};
const std::map<std::string, Format> kSummaryFormats = {
    {"table", Format::kTable}, {"json", Format::kJson}};

CLI::App* AddVerb(CLI::App* app, const char* name, const char* description, std::string* file) {
  CLI::App* verb = app->add_subcommand(name, description);
  verb->add_option("FILE", *file, "The definition, a YAML file")->required();
  return verb;
}

void AddRunOptions(CLI::App* verb, RunArguments* arguments) {
  verb->add_option("--threads", arguments->threads, "Workers (default: the definition's, else all cores)")
      ->check(CLI::Range(1, 1024));
  verb->add_option("--max-errors", arguments->max_errors,
                   "Dead letters before the run ends FAILED: a number, or 'unlimited' (default 0)");
  verb->add_flag("--quiet,-q", arguments->quiet, "No progress and no summary");
  verb->add_option("--format", arguments->format, "Of the summary on standard output: json")
      ->transform(CLI::CheckedTransformer(kSummaryFormats, CLI::ignore_case));
}

void AddFormat(CLI::App* verb, ReadArguments* arguments, const char* help) {
  verb->add_option("--format", arguments->format, help)
      ->transform(CLI::CheckedTransformer(kRowFormats, CLI::ignore_case));
}

void AddQueryOptions(CLI::App* verb, ReadArguments* arguments) {
  verb->add_option("KEY", arguments->keys,
                   "The key's values in the definition's order, joined by commas; \"…\" around a "
                   "value that has a comma; '' for the rollup without parts")
      ->required();
  verb->add_option("--window", arguments->window, "The last so much time, such as 7d");
  verb->add_option("--as-of", arguments->as_of, "Where --window ends (default: newest event time)");
  verb->add_option("--from", arguments->from, "Windows from this time on");
  verb->add_option("--to", arguments->to, "Windows that begin before this time");
  verb->add_option("--rollup", arguments->rollup, "Which key list: its names, joined by commas");
  verb->add_flag("--total", arguments->total, "One row: those windows combined");
  AddFormat(verb, arguments, "table or json (default: table on a terminal), csv");
}

int Main(int argc, char** argv) {
  CLI::App app(
      "Murmur keeps exact aggregates over data you already have: counts, sums, distinct\n"
      "users, top-k, quantiles, per key and time window.");
  app.name("murmur");
  app.set_version_flag("--version", "murmur " MURMUR_VERSION);
  app.require_subcommand(1);
  app.footer(
      "A first try:   murmur check page_views.yaml\n"
      "               murmur bootstrap page_views.yaml\n"
      "               murmur query page_views.yaml /home --window 7d\n"
      "`murmur VERB --help` tells more. Exit codes: 0 done, 1 failed, 2 wrong usage or definition.");

  std::function<int()> verb;
  std::string check_file;
  AddVerb(&app, "check", "Validate a definition and print the plan; touches nothing", &check_file)
      ->callback([&] { verb = [&] { return CheckVerb(check_file); }; });

  RunArguments run;
  CLI::App* bootstrap = AddVerb(
      &app, "bootstrap", "Read the whole source into the state, going on where it stopped", &run.file);
  AddRunOptions(bootstrap, &run);
  bootstrap->callback([&] { verb = [&] { return BootstrapVerb(run); }; });

  CLI::App* whole = AddVerb(&app, "run", "The whole life: bootstrap if the state is new, then live",
                            &run.file);
  AddRunOptions(whole, &run);
  whole->add_flag("--until-caught-up", run.until_caught_up,
                  "End when everything that is there now is counted");
  whole->callback([&] { verb = [&] { return RunVerb(run); }; });

  ReadArguments read;
  CLI::App* query = AddVerb(&app, "query", "Answer for keys: all windows, or the last ones", &read.file);
  AddQueryOptions(query, &read);
  query->callback([&] { verb = [&] { return QueryVerb(read); }; });

  CLI::App* dump = AddVerb(&app, "dump", "Print the whole state, one line a key and window", &read.file);
  AddFormat(dump, &read, "jsonl (default), table, csv, parquet");
  dump->add_option("--output,-o", read.output, "Write to this file instead of standard output");
  dump->callback([&] { verb = [&] { return DumpVerb(read); }; });

  CLI::App* status = AddVerb(&app, "status", "Progress, positions and dead letters of the state",
                             &read.file);
  AddFormat(status, &read, "table (default) or json");
  status->callback([&] { verb = [&] { return StatusVerb(read); }; });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitDone : kExitUsage;
  }
  return verb();
}

}  // namespace
}  // namespace murmur::cli

int main(int argc, char** argv) { return murmur::cli::Main(argc, argv); }
