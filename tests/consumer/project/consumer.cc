// A program outside Murmur's tree: a pipeline made in C++.
#include <chrono>
#include <iostream>

#include "murmur/definition.h"

int main() {
  const auto definition = murmur::DefinitionBuilder("page_views")
                              .Key({"page"})
                              .Time("ts")
                              .Window(std::chrono::days(1))
                              .Aggregate("views", "count")
                              .Bootstrap("jsonl", {{"path", "views.jsonl"}})
                              .Build();
  if (!definition.ok()) {
    std::cerr << definition.status().ToString() << '\n';
    return 1;
  }
  std::cout << murmur::DefinitionIdentity(*definition) << '\n';
  return 0;
}
