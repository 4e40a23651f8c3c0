#include "gateway/view/sqlite_database.h"

#include <sys/stat.h>

#include <chrono>
#include <cstdio>
#include <optional>
#include <thread>
#include <unordered_map>
#include <utility>

#include <sqlite3.h>

#include "gateway/view/schema.h"
#include "src/telemetry/log.h"

namespace drover::gateway {
namespace {

struct CloseConnection {
    void operator()(sqlite3* connection) const { sqlite3_close_v2(connection); }
};
struct FinalizeStatement {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Connection = std::unique_ptr<sqlite3, CloseConnection>;
using Statement = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

// Which file it is, whatever its name.
struct FileIdentity {
    dev_t device = 0;
    ino_t inode = 0;
    bool operator==(const FileIdentity&) const = default;
};

std::optional<FileIdentity> identity_of(const std::string& path) {
    struct stat found {};
    if (::stat(path.c_str(), &found) != 0) return std::nullopt;
    return FileIdentity{found.st_dev, found.st_ino};
}

class StatementRow final : public SqlRow {
public:
    explicit StatementRow(sqlite3_stmt* statement) : statement_(statement) {}
    std::int64_t number(int column) const override { return sqlite3_column_int64(statement_, column); }
    std::string_view bytes(int column) const override {
        const void* data = sqlite3_column_blob(statement_, column);
        const int size = sqlite3_column_bytes(statement_, column);
        return {static_cast<const char*>(data), static_cast<std::size_t>(size)};
    }
    bool is_null(int column) const override { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

private:
    sqlite3_stmt* statement_;
};

std::string with_types(std::string_view sql) {
    std::string text(sql);
    for (const auto& [name, type] : {std::pair("NUMBER", "INTEGER"), std::pair("BYTES", "BLOB")}) {
        for (std::size_t at = text.find(name); at != std::string::npos; at = text.find(name, at)) {
            text.replace(at, std::string_view(name).size(), type);
        }
    }
    return text;
}

class SqliteDatabase final : public Database {
public:
    SqliteDatabase(std::string path, Duration patience) : path_(std::move(path)), patience_(patience) {}

    Result<void> begin_write() override {
        if (auto connected = connect(); !connected) return connected;
        auto begun = run("BEGIN IMMEDIATE", {});
        in_transaction_ = begun.has_value();
        return begun;
    }

    Result<void> commit() override {
        auto committed = run("COMMIT", {});
        in_transaction_ = false;
        return committed;
    }

    void rollback() override {
        in_transaction_ = false;
        if (connection_ && !run("ROLLBACK", {})) disconnect();
    }

    Result<void> run(std::string_view sql, std::span<const SqlValue> values, const EachRow& each = {}) override {
        if (auto connected = connect(); !connected) return connected;
        const Result<sqlite3_stmt*> statement = prepared(std::string(sql));
        if (!statement) return tl::unexpected(statement.error());
        return step(*statement, values, each);
    }

    Result<void> run(const RowsStatement& rows, std::span<const SqlValue> values, const EachRow& each = {}) override {
        if (values.empty()) return {};
        if (auto connected = connect(); !connected) return connected;
        const Result<sqlite3_stmt*> statement = prepared(text_of(rows));
        if (!statement) return tl::unexpected(statement.error());
        for (std::size_t at = 0; at < values.size(); at += rows.types.size()) {
            auto ran = step(*statement, values.subspan(at, rows.types.size()), each);
            if (!ran) return ran;
        }
        return {};
    }

    Result<void> define(std::string_view sql) override {
        if (auto connected = connect(); !connected) return connected;
        const int code = sqlite3_exec(connection_.get(), with_types(sql).c_str(), nullptr, nullptr, nullptr);
        if (code != SQLITE_OK) return failed(code);
        return {};
    }

    // SQLite drops all pages of a table at once where there is no WHERE.
    Result<void> empty_tables(std::span<const std::string_view> tables) override {
        for (const std::string_view table : tables) {
            if (auto emptied = run("DELETE FROM " + std::string(table), {}); !emptied) return emptied;
        }
        return {};
    }

    Result<bool> lead() override { return true; }
    bool has_followers() const override { return false; }
    Result<void> announce(std::span<const std::string>) override { return {}; }
    Result<std::vector<std::string>> hear(std::chrono::milliseconds) override { return {}; }

private:
    Result<void> connect() {
        if (connection_ && (in_transaction_ || identity_of(path_) == identity_)) return {};
        if (in_transaction_) return failure(Error::Code::unavailable, "the view's transaction is over", true);
        disconnect();
        set_aside_damaged();
        if (auto opened = open(); !opened) return opened;
        if (auto schema = bring_schema_up_to_date(*this); !schema) {
            disconnect();
            return schema;
        }
        return {};
    }

    Result<void> open() {
        // Else each of its allocations takes a lock, to count it for a figure that nobody reads.
        [[maybe_unused]] static const int uncounted = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
        sqlite3* raw = nullptr;
        const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
        const int code = sqlite3_open_v2(path_.c_str(), &raw, flags, nullptr);
        connection_.reset(raw);
        if (code != SQLITE_OK) return failed(code);
        identity_ = identity_of(path_);
        const auto millis = std::chrono::ceil<std::chrono::milliseconds>(patience_);
        sqlite3_busy_timeout(connection_.get(), static_cast<int>(millis.count()));
        if (const int log = begin_log(); log != SQLITE_OK) return failed(log);
        return define(
            "PRAGMA synchronous=NORMAL; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-32768;"
            "PRAGMA wal_autocheckpoint=4000; PRAGMA journal_size_limit=67108864;");
    }

    // Of two connections that begin a file's log, SQLite refuses one at once, whatever the patience: each reads the
    // file while it asks for the right to write, and both would wait for ever.
    int begin_log() {
        const auto end = std::chrono::steady_clock::now() + patience_;
        for (;;) {
            const int code = sqlite3_exec(connection_.get(), "PRAGMA journal_mode=WAL", nullptr, nullptr, nullptr);
            if ((code & 0xFF) != SQLITE_BUSY || std::chrono::steady_clock::now() >= end) return code;
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }

    void disconnect() {
        statements_.clear();
        connection_.reset();
    }

    // Only the very file in which the damage was seen: another connection may have begun a new one since.
    void set_aside_damaged() {
        const auto damaged = std::exchange(damaged_, std::nullopt);
        if (!damaged || identity_of(path_) != damaged) return;
        const std::string aside = path_ + ".damaged";
        if (std::rename(path_.c_str(), aside.c_str()) != 0) return;  // opening it fails again, and says so
        for (const char* companion : {"-wal", "-shm"}) std::remove((path_ + companion).c_str());
        log::error("the view's file is damaged and is begun anew", {{"file", path_}, {"kept as", aside}});
    }

    tl::unexpected<Error> failed(int code) {
        const std::string message = std::string("SQLite: ") +
                                    (connection_ ? sqlite3_errmsg(connection_.get()) : sqlite3_errstr(code)) + " (" +
                                    path_ + ")";
        if ((code & 0xFF) == SQLITE_CORRUPT || (code & 0xFF) == SQLITE_NOTADB) damaged_ = identity_;
        disconnect();
        return failure(Error::Code::unavailable, message, true);
    }

    static std::string text_of(const RowsStatement& rows) {
        std::string text(rows.before);
        text += rows.use == RowsStatement::Use::insert ? "VALUES (" : "= (";
        for (std::size_t i = 1; i <= rows.types.size(); ++i) text += (i > 1 ? ", $" : "$") + std::to_string(i);
        return text.append(") ").append(rows.after);
    }

    Result<sqlite3_stmt*> prepared(std::string sql) {
        const auto found = statements_.find(sql);
        if (found != statements_.end()) return found->second.get();
        sqlite3_stmt* raw = nullptr;
        const int code = sqlite3_prepare_v3(connection_.get(), sql.c_str(), static_cast<int>(sql.size() + 1),
                                            SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
        Statement statement(raw);
        if (code != SQLITE_OK) return failed(code);
        return statements_.emplace(std::move(sql), std::move(statement)).first->second.get();
    }

    Result<void> step(sqlite3_stmt* statement, std::span<const SqlValue> values, const EachRow& each) {
        for (std::size_t i = 0; i < values.size(); ++i) bind(statement, i, values[i]);
        int code = SQLITE_ROW;
        while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
            if (each) each(StatementRow(statement));
        }
        if (code != SQLITE_DONE) return failed(code);
        sqlite3_reset(statement);
        return {};
    }

    static void bind(sqlite3_stmt* statement, std::size_t i, const SqlValue& value) {
        const int index = static_cast<int>(i) + 1;
        if (const auto* number = std::get_if<std::int64_t>(&value)) {
            sqlite3_bind_int64(statement, index, *number);
        } else if (const auto* bytes = std::get_if<std::string_view>(&value)) {
            const char* data = bytes->data() == nullptr ? "" : bytes->data();
            sqlite3_bind_blob64(statement, index, data, bytes->size(), SQLITE_STATIC);
        } else {
            sqlite3_bind_null(statement, index);
        }
    }

    const std::string path_;
    const Duration patience_;
    Connection connection_;
    std::unordered_map<std::string, Statement> statements_;  // after the connection, which goes last
    std::optional<FileIdentity> identity_, damaged_;
    bool in_transaction_ = false;
};

}  // namespace

std::unique_ptr<Database> make_sqlite_database(std::string path, Duration patience) {
    return std::make_unique<SqliteDatabase>(std::move(path), patience);
}

}  // namespace drover::gateway
