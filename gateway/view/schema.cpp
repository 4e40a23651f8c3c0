#include "gateway/view/schema.h"

#include <string>

namespace drover::gateway {
namespace {

// jobs: what is asked for by it is a column, the rest is JSON (gateway/core/job_record_json.h): `job` is what people
// see, `trail` what further events need, so that it is read by the feeder alone. The order of the primary key serves
// the look-up by id alone, too. Lists of several states are merged of one walk of the index for each.
constexpr std::string_view first = R"(
CREATE TABLE positions (part NUMBER NOT NULL PRIMARY KEY, next NUMBER NOT NULL);
CREATE TABLE jobs (
  queue BYTES NOT NULL,
  id BYTES NOT NULL,
  state NUMBER NOT NULL,
  since NUMBER NOT NULL,
  submitted NUMBER NOT NULL,
  job BYTES NOT NULL,
  trail BYTES NOT NULL,
  result BYTES,
  PRIMARY KEY (id, queue));
CREATE INDEX jobs_by_submission ON jobs (queue, state, submitted, id);
CREATE TABLE counts (queue BYTES NOT NULL, state NUMBER NOT NULL, jobs NUMBER NOT NULL, PRIMARY KEY (queue, state));
CREATE TABLE minutes (queue BYTES NOT NULL, minute NUMBER NOT NULL, record BYTES NOT NULL,
  PRIMARY KEY (queue, minute));
CREATE TABLE reports (
  queue BYTES NOT NULL,
  id BYTES NOT NULL,
  kind NUMBER NOT NULL,
  run NUMBER NOT NULL,
  attempt NUMBER NOT NULL,
  at NUMBER NOT NULL,
  part NUMBER NOT NULL,
  place NUMBER NOT NULL,
  head BYTES NOT NULL,
  content BYTES NOT NULL,
  PRIMARY KEY (id, queue, kind, run, attempt, at, part, place));
)";

// For retention, and for the oldest job in a state.
constexpr std::string_view second = "CREATE INDEX jobs_by_since ON jobs (queue, state, since);";

constexpr std::array<std::string_view, 2> steps{first, second};

Result<std::int64_t> read_version(Database& database) {
    std::int64_t version = 0;
    Result<void> read =
        database.run("SELECT version FROM schema_version", {}, [&](const SqlRow& row) { version = row.number(0); });
    if (!read) return tl::unexpected(read.error());
    return version;
}

}  // namespace

std::span<const std::string_view> schema_steps() { return steps; }

Result<void> bring_schema_up_to_date(Database& database) {
    WriteTransaction transaction(database);
    if (Result<void> begun = transaction.begin(); !begun) return begun;
    Result<void> defined = database.define("CREATE TABLE IF NOT EXISTS schema_version (version NUMBER NOT NULL);");
    if (!defined) return defined;
    const Result<std::int64_t> version = read_version(database);
    if (!version) return tl::unexpected(version.error());
    if (*version > static_cast<std::int64_t>(steps.size()) || *version < 0) {
        return failure(Error::Code::conflict, "the view of jobs has schema version " + std::to_string(*version) +
                                                  ", this program knows up to " + std::to_string(steps.size()));
    }
    for (auto step = static_cast<std::size_t>(*version); step < steps.size(); ++step) {
        defined = database.define(steps[step]);
        if (!defined) return defined;
    }
    if (*version < static_cast<std::int64_t>(steps.size())) {
        const SqlValue newest[] = {static_cast<std::int64_t>(steps.size())};
        Result<void> noted = database.run("DELETE FROM schema_version", {});
        if (noted) noted = database.run("INSERT INTO schema_version VALUES ($1)", newest);
        if (!noted) return noted;
    }
    return transaction.commit();
}

}  // namespace drover::gateway
