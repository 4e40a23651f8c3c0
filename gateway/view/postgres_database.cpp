#include "gateway/view/postgres_database.h"

#include <poll.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include <libpq-fe.h>

#include "gateway/view/postgres_parameters.h"
#include "gateway/view/schema.h"

namespace drover::gateway {
namespace {

template <auto free>
struct Free {
    template <class T>
    void operator()(T* object) const {
        free(object);
    }
};
using Connection = std::unique_ptr<PGconn, Free<PQfinish>>;
using Answer = std::unique_ptr<PGresult, Free<PQclear>>;
using Notification = std::unique_ptr<PGnotify, Free<PQfreemem>>;
using Options = std::unique_ptr<PQconninfoOption, Free<PQconninfoFree>>;

// Advisory locks of the database: of whoever feeds it, for as long as the connection lives; and of each writer, to its
// commit.
constexpr const char* lead_sql = "SELECT pg_try_advisory_lock(1148352374, 1)::int::bigint";
constexpr const char* begin_sql = "BEGIN; SELECT pg_advisory_xact_lock(1148352374, 2)";

constexpr const char* session_sql = R"(
SET search_path = drover;
SET synchronous_commit = off;
SET client_min_messages = warning;
SET jit = off;
SET plan_cache_mode = force_generic_plan;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_sort = off;
)";

class AnswerRow final : public SqlRow {
public:
    AnswerRow(const PGresult* answer, int row) : answer_(answer), row_(row) {}
    std::int64_t number(int column) const override {
        return is_null(column) ? 0 : read_int8(PQgetvalue(answer_, row_, column));
    }
    std::string_view bytes(int column) const override {
        const int size = PQgetlength(answer_, row_, column);
        return {PQgetvalue(answer_, row_, column), static_cast<std::size_t>(size)};
    }
    bool is_null(int column) const override { return PQgetisnull(answer_, row_, column) == 1; }

private:
    const PGresult* answer_;
    int row_;
};

std::string with_types(std::string_view sql) {
    std::string text(sql);
    for (const auto& [name, type] : {std::pair("NUMBER", "bigint"), std::pair("BYTES", "bytea")}) {
        for (std::size_t at = text.find(name); at != std::string::npos; at = text.find(name, at)) {
            text.replace(at, std::string_view(name).size(), type);
        }
    }
    return text;
}

class PostgresDatabase final : public Database {
public:
    PostgresDatabase(std::string connection, Duration patience) : where_(std::move(connection)), patience_(patience) {}

    Result<void> begin_write() override {
        if (auto connected = connect(); !connected) return connected;
        auto begun = execute(begin_sql);
        in_transaction_ = begun.has_value();
        return begun;
    }

    Result<void> commit() override {
        Result<void> committed = connect();  // an Error where the transaction's is lost
        if (committed) committed = execute("COMMIT");
        in_transaction_ = false;
        return committed;
    }

    void rollback() override {
        in_transaction_ = false;
        if (connection_ && !execute("ROLLBACK")) disconnect();
    }

    Result<void> run(std::string_view sql, std::span<const SqlValue> values, const EachRow& each = {}) override {
        if (auto connected = connect(); !connected) return connected;
        return execute_prepared(std::string(sql), PostgresParameters(values), each);
    }

    Result<void> run(const RowsStatement& rows, std::span<const SqlValue> values, const EachRow& each = {}) override {
        if (values.empty()) return {};
        if (auto connected = connect(); !connected) return connected;
        return execute_prepared(text_of(rows), PostgresParameters(values, rows.types), each);
    }

    Result<void> define(std::string_view sql) override {
        if (auto connected = connect(); !connected) return connected;
        return execute(with_types(sql));
    }

    Result<void> empty_tables(std::span<const std::string_view> tables) override {
        std::string sql;
        for (const std::string_view table : tables) sql.append(sql.empty() ? "TRUNCATE " : ", ").append(table);
        return define(sql);
    }

    Result<bool> lead() override {
        if (auto connected = connect(); !connected) return tl::unexpected(connected.error());
        if (leads_) return true;
        bool leads = false;
        auto asked = run(lead_sql, {}, [&](const SqlRow& row) { leads = row.number(0) == 1; });
        if (!asked) return tl::unexpected(asked.error());
        if (leads && std::exchange(listens_, false)) {
            if (auto stopped = execute("UNLISTEN *"); !stopped) return tl::unexpected(stopped.error());
            while (Notification{PQnotifies(connection_.get())}) continue;
        }
        leads_ = leads;
        return leads;
    }

    bool has_followers() const override { return true; }

    Result<void> announce(std::span<const std::string> texts) override {
        for (const std::string& text : texts) {
            const SqlValue values[] = {std::string_view(text)};
            auto told = run("SELECT pg_notify('drover_changes', encode($1, 'escape'))", values);
            if (!told) return told;
        }
        return {};
    }

    Result<std::vector<std::string>> hear(std::chrono::milliseconds timeout) override {
        if (auto connected = connect(); !connected) return tl::unexpected(connected.error());
        if (!listens_) {
            if (auto begun = execute("LISTEN drover_changes"); !begun) return tl::unexpected(begun.error());
            listens_ = true;
        }
        std::vector<std::string> heard;
        take_notifications(heard);
        if (!heard.empty()) return heard;
        pollfd readable{.fd = PQsocket(connection_.get()), .events = POLLIN, .revents = 0};
        ::poll(&readable, 1, static_cast<int>(timeout.count()));
        if (PQconsumeInput(connection_.get()) != 1) return failed();
        take_notifications(heard);
        return heard;
    }

private:
    Result<void> connect() {
        if (connection_) return {};
        if (in_transaction_) return failure(Error::Code::unavailable, "the view's transaction is over", true);
        if (auto opened = open(); !opened) return opened;
        auto ready = prepare_session();
        if (ready) ready = bring_schema_up_to_date(*this);
        if (!ready) disconnect();
        return ready;
    }

    Result<void> open() {
        const auto seconds = std::max<std::int64_t>(2, std::chrono::ceil<std::chrono::seconds>(patience_).count());
        const std::string connect_timeout = std::to_string(seconds);
        const std::string network_timeout = std::to_string(4 * seconds * 1000);
        // What the connection string says counts more: it comes later.
        const char* names[] = {"application_name", "connect_timeout", "tcp_user_timeout",
                               "keepalives_idle",  "dbname",          nullptr};
        const char* values[] = {
            "drover-gateway", connect_timeout.c_str(), network_timeout.c_str(), "10", where_.c_str(), nullptr};
        connection_.reset(PQconnectdbParams(names, values, 1));
        if (PQstatus(connection_.get()) != CONNECTION_OK) return failed();
        return {};
    }

    Result<void> prepare_session() {
        const auto patience = std::chrono::ceil<std::chrono::milliseconds>(patience_).count();
        auto ready = execute("SET lock_timeout = " + std::to_string(patience) + ";" + session_sql);
        if (!ready) return ready;
        bool has_schema = false;
        ready = run("SELECT count(*) FROM pg_namespace WHERE nspname = 'drover'", {},
                    [&](const SqlRow& row) { has_schema = row.number(0) == 1; });
        if (!ready || has_schema) return ready;
        WriteTransaction transaction(*this);
        ready = transaction.begin();
        if (ready) ready = execute("CREATE SCHEMA IF NOT EXISTS drover");
        if (ready) ready = transaction.commit();
        return ready;
    }

    void disconnect() {
        prepared_.clear();
        connection_.reset();
        leads_ = listens_ = false;
    }

    // After any error of a transaction PostgreSQL refuses the rest of it, and of a lost connection, all.
    tl::unexpected<Error> failed(const PGresult* answer = nullptr) {
        std::string message = answer != nullptr ? PQresultErrorMessage(answer) : "";
        if (message.empty()) message = PQerrorMessage(connection_.get());
        while (!message.empty() && message.back() == '\n') message.pop_back();
        disconnect();
        return failure(Error::Code::unavailable, "PostgreSQL: " + message, true);
    }

    Result<void> execute(const std::string& sql) {
        const Answer answer(PQexec(connection_.get(), sql.c_str()));
        const ExecStatusType status = PQresultStatus(answer.get());
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) return failed(answer.get());
        return {};
    }

    Result<void> execute_prepared(std::string sql, const PostgresParameters& parameters, const EachRow& each) {
        auto found = prepared_.find(sql);
        if (found == prepared_.end()) {
            const std::string name = "s" + std::to_string(prepared_.size());
            const Answer answer(
                PQprepare(connection_.get(), name.c_str(), sql.c_str(), parameters.count(), parameters.types()));
            if (PQresultStatus(answer.get()) != PGRES_COMMAND_OK) return failed(answer.get());
            found = prepared_.emplace(std::move(sql), name).first;
        }
        const Answer answer(PQexecPrepared(connection_.get(), found->second.c_str(), parameters.count(),
                                           parameters.values(), parameters.lengths(), parameters.formats(), 1));
        const ExecStatusType status = PQresultStatus(answer.get());
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) return failed(answer.get());
        const int rows = each ? PQntuples(answer.get()) : 0;
        for (int row = 0; row < rows; ++row) each(AnswerRow(answer.get(), row));
        return {};
    }

    static std::string text_of(const RowsStatement& rows) {
        const bool inserts = rows.use == RowsStatement::Use::insert;
        std::string text(rows.before);
        text += inserts ? "SELECT * FROM unnest(" : "IN (SELECT * FROM unnest(";
        for (std::size_t i = 1; i <= rows.types.size(); ++i) {
            text += (i > 1 ? ", $" : "$") + std::to_string(i) + (rows.types[i - 1] == 'n' ? "::bigint[]" : "::bytea[]");
        }
        return text.append(inserts ? ") " : ")) ").append(rows.after);
    }

    void take_notifications(std::vector<std::string>& out) {
        while (const Notification heard{PQnotifies(connection_.get())}) out.emplace_back(heard->extra);
    }

    const std::string where_;
    const Duration patience_;
    Connection connection_;
    std::unordered_map<std::string, std::string> prepared_;  // by text: its name
    bool in_transaction_ = false, leads_ = false, listens_ = false;
};

}  // namespace

std::string postgres_fault(const std::string& connection) {
    char* message = nullptr;
    const Options options(PQconninfoParse(connection.c_str(), &message));
    const std::unique_ptr<char, Free<PQfreemem>> owned(message);
    if (options) return "";
    return message != nullptr ? message : "cannot be read";
}

std::unique_ptr<Database> make_postgres_database(std::string connection, Duration patience) {
    return std::make_unique<PostgresDatabase>(std::move(connection), patience);
}

}  // namespace drover::gateway
