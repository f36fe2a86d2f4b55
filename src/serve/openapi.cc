#include "serve/openapi.h"

namespace murmur {

const std::string& OpenApiJson() {
  static const std::string* const json = new std::string(R"json({
  "openapi": "3.1.0",
  "info": {"title": "Murmur", "version": "1",
    "description": "Exact aggregates by key and window. Programs better use murmur.v1.Query: POST /murmur.v1.Query/METHOD by the Connect protocol, or gRPC."},
  "paths": {
    "/v1": {"get": {"summary": "The pipelines", "responses": {
      "200": {"description": "Their names, and what they are answered from", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pipelines"}}}}}}},
    "/v1/{pipeline}": {"get": {"summary": "The values of keys; without a key, the pipeline's keys and aggregates",
      "parameters": [
        {"$ref": "#/components/parameters/pipeline"},
        {"name": "key", "in": "query", "description": "Values joined by commas; a value with a comma or a quote as a JSON string. May be given several times", "schema": {"type": "array", "items": {"type": "string"}}},
        {"$ref": "#/components/parameters/window"}, {"$ref": "#/components/parameters/from"},
        {"$ref": "#/components/parameters/to"}, {"$ref": "#/components/parameters/as_of"},
        {"name": "total", "in": "query", "description": "Those windows combined", "schema": {"type": "boolean"}},
        {"name": "trailing", "in": "query", "description": "For each window, the windows of this length that end with it, combined: 7d", "schema": {"type": "string"}},
        {"$ref": "#/components/parameters/rollup"}, {"$ref": "#/components/parameters/aggregates"}],
      "responses": {
        "200": {"description": "The rows", "headers": {"ETag": {"$ref": "#/components/headers/ETag"}},
          "content": {"application/json": {"schema": {"anyOf": [{"$ref": "#/components/schemas/Answer"}, {"$ref": "#/components/schemas/Description"}]}}}},
        "304": {"description": "Nothing has changed since the answer with the ETag in If-None-Match"},
        "default": {"$ref": "#/components/responses/Error"}}}},
    "/v1/{pipeline}/keys": {"get": {"summary": "The keys, page by page",
      "parameters": [{"$ref": "#/components/parameters/pipeline"}, {"$ref": "#/components/parameters/rollup"},
        {"$ref": "#/components/parameters/prefix"}, {"$ref": "#/components/parameters/limit"},
        {"name": "cursor", "in": "query", "description": "next_cursor of the page before", "schema": {"type": "string"}}],
      "responses": {
        "200": {"description": "A page", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Keys"}}}},
        "default": {"$ref": "#/components/responses/Error"}}}},
    "/v1/{pipeline}/top": {"get": {"summary": "The keys with the greatest values of an aggregate",
      "parameters": [{"$ref": "#/components/parameters/pipeline"},
        {"name": "aggregate", "in": "query", "required": true, "schema": {"type": "string"}},
        {"$ref": "#/components/parameters/limit"}, {"$ref": "#/components/parameters/rollup"},
        {"$ref": "#/components/parameters/prefix"}, {"$ref": "#/components/parameters/window"},
        {"$ref": "#/components/parameters/from"}, {"$ref": "#/components/parameters/to"},
        {"$ref": "#/components/parameters/as_of"}, {"$ref": "#/components/parameters/aggregates"}],
      "responses": {
        "200": {"description": "The rows, descending", "headers": {"ETag": {"$ref": "#/components/headers/ETag"}},
          "content": {"application/json": {"schema": {"allOf": [{"$ref": "#/components/schemas/Answer"},
            {"type": "object", "required": ["keys_compared", "complete"], "properties": {
              "keys_compared": {"type": "integer"},
              "complete": {"type": "boolean", "description": "false: the server's limit of keys ended the comparison"}}}]}}}},
        "304": {"description": "Nothing has changed since the answer with the ETag in If-None-Match"},
        "default": {"$ref": "#/components/responses/Error"}}}},
    "/v1/{pipeline}/status": {"get": {"summary": "Progress, positions and dead letters, as murmur status --format json prints them",
      "parameters": [{"$ref": "#/components/parameters/pipeline"}],
      "responses": {
        "200": {"description": "The status", "content": {"application/json": {"schema": {"type": "object", "required": ["version", "status"]}}}},
        "default": {"$ref": "#/components/responses/Error"}}}},
    "/v1/{pipeline}/bulk": {"get": {"summary": "Every key and window, as a file",
      "parameters": [{"$ref": "#/components/parameters/pipeline"},
        {"name": "format", "in": "query", "schema": {"enum": ["jsonl", "csv", "parquet", "arrow"]}}],
      "responses": {
        "200": {"description": "The file, in chunks; a connection that breaks off means that it is not whole"},
        "default": {"$ref": "#/components/responses/Error"}}}}
  },
  "components": {
    "parameters": {
      "pipeline": {"name": "pipeline", "in": "path", "required": true, "schema": {"type": "string"}},
      "window": {"name": "window", "in": "query", "description": "The last windows of this length together: 7d, 12h, 3mo", "schema": {"type": "string"}},
      "from": {"name": "from", "in": "query", "description": "Windows from this time or date on", "schema": {"type": "string"}},
      "to": {"name": "to", "in": "query", "description": "Windows that begin before this time", "schema": {"type": "string"}},
      "as_of": {"name": "as_of", "in": "query", "description": "Where `window` ends; by default the newest event time", "schema": {"type": "string"}},
      "rollup": {"name": "rollup", "in": "query", "description": "Which key list: its names, joined by commas", "schema": {"type": "string"}},
      "aggregates": {"name": "aggregates", "in": "query", "description": "Only these: names, joined by commas", "schema": {"type": "string"}},
      "prefix": {"name": "prefix", "in": "query", "description": "The first values of the keys, joined by commas; digits alone are a number, in quotes a text", "schema": {"type": "string"}},
      "limit": {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1}}
    },
    "headers": {"ETag": {"description": "Version and commit that are answered from", "schema": {"type": "string"}}},
    "responses": {"Error": {"description": "What is wrong, and what to do", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}},
    "schemas": {
      "Error": {"type": "object", "required": ["code", "message"], "properties": {"code": {"type": "string"}, "message": {"type": "string"}}},
      "Pipelines": {"type": "object", "required": ["pipelines"], "properties": {"pipelines": {"type": "array", "items": {
        "type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "version": {"type": "integer"},
          "commit": {"type": "integer"}, "exactness": {"type": "string"}, "unavailable": {"type": "string"}}}}}},
      "Description": {"type": "object", "required": ["pipeline", "keys", "aggregates", "window", "time_zone"], "properties": {
        "pipeline": {"type": "string"},
        "keys": {"type": "array", "items": {"type": "array", "items": {"type": "string"}}},
        "aggregates": {"type": "array", "items": {"type": "object", "required": ["name", "type"], "properties": {
          "name": {"type": "string"}, "type": {"enum": ["integer", "number", "text", "json"]}, "error": {"type": "string"}}}},
        "window": {"type": "string"}, "time_zone": {"type": "string"}}},
      "Answer": {"type": "object", "required": ["pipeline", "version", "commit", "exactness", "rows"], "properties": {
        "pipeline": {"type": "string"}, "version": {"type": "integer"}, "commit": {"type": "integer"},
        "exactness": {"type": "string"},
        "rows": {"type": "array", "items": {"$ref": "#/components/schemas/Row"}},
        "missing": {"type": "array", "description": "Keys that have nothing", "items": {"type": "string"}}}},
      "Row": {"type": "object", "description": "The key, the window, and a member for each aggregate; null: absent",
        "required": ["key", "window"], "properties": {"key": {"type": "object"}, "window": {"type": ["string", "null"]}}},
      "Keys": {"type": "object", "required": ["keys"], "properties": {
        "keys": {"type": "array", "items": {"type": "object"}}, "next_cursor": {"type": "string"}}}
    }
  }
}
)json");
  return *json;
}

}  // namespace murmur
