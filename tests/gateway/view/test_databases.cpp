#include "tests/gateway/view/test_databases.h"

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include <libpq-fe.h>
#include <sqlite3.h>

namespace drover::gateway::test {
namespace {

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
        text.replace(at, from.size(), to);
    }
    return text;
}

void execute_in_postgres(const std::string& where, const std::string& sql) {
    const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(PQconnectdb(where.c_str()), &PQfinish);
    const std::unique_ptr<PGresult, decltype(&PQclear)> answer(PQexec(connection.get(), sql.c_str()), &PQclear);
    const ExecStatusType status = PQresultStatus(answer.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        throw std::runtime_error(PQerrorMessage(connection.get()));
    }
}

std::string server() {
    const char* where = std::getenv("DROVER_TEST_POSTGRES");
    if (where == nullptr) throw std::runtime_error("DROVER_TEST_POSTGRES is not set");
    return where;
}

}  // namespace

SqliteFile::SqliteFile() : folder_((std::filesystem::temp_directory_path() / "drover-view-XXXXXX").string()) {
    if (::mkdtemp(folder_.data()) == nullptr) throw std::runtime_error("no temporary folder");
}

SqliteFile::~SqliteFile() { std::filesystem::remove_all(folder_); }

void SqliteFile::execute(const std::string& sql) {
    sqlite3* raw = nullptr;
    sqlite3_open(path().c_str(), &raw);
    const std::unique_ptr<sqlite3, decltype(&sqlite3_close)> connection(raw, &sqlite3_close);
    const std::string text = replaced(replaced(sql, "NUMBER", "INTEGER"), "BYTES", "BLOB");
    if (sqlite3_exec(raw, text.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
        throw std::runtime_error(sqlite3_errmsg(raw));
    }
}

PostgresDatabaseOfTest::PostgresDatabaseOfTest() {
    static std::atomic<int> next{0};
    name_ = "test_" + std::to_string(::getpid()) + "_" + std::to_string(++next);
    execute_in_postgres(server(), "CREATE DATABASE " + name_);
}

PostgresDatabaseOfTest::~PostgresDatabaseOfTest() {
    execute_in_postgres(server(), "DROP DATABASE " + name_ + " WITH (FORCE)");
}

std::string PostgresDatabaseOfTest::where() const { return replaced(server(), "dbname=postgres", "dbname=" + name_); }

void PostgresDatabaseOfTest::execute(const std::string& sql) {
    const std::string text = replaced(replaced(sql, "NUMBER", "bigint"), "BYTES", "bytea");
    execute_in_postgres(where(), "SET search_path = drover; " + text);
}

Result<std::vector<JobChange>> Teller::try_tell(const std::vector<ToldEvent>& events) {
    std::vector<PlacedEvent> placed;
    EventBatch batch;
    if (next_ > 0) batch.from[0] = next_;
    std::int64_t offset = next_;
    for (const ToldEvent& event : events) placed.push_back({event.read(), 0, offset++});
    batch.events = placed;
    batch.to[0] = offset;
    Result<std::vector<JobChange>> changes = view_.apply(batch);
    if (changes) next_ = offset;
    return changes;
}

ViewTest::ViewTest()
    : database_(GetParam() == Kind::sqlite ? std::unique_ptr<TestDatabase>(std::make_unique<SqliteFile>())
                                           : std::make_unique<PostgresDatabaseOfTest>()),
      view_(database_->open()),
      teller_(*view_) {}

}  // namespace drover::gateway::test
