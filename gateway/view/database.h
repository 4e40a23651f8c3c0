// One connection to SQLite or PostgreSQL, as far as the view needs one: so that its SQL is written once. Room:
// gateway/view, and private to it.
//
// Values are whole numbers and bytes; text is bytes, since PostgreSQL's text holds no NUL and nothing that is not in
// the database's encoding, and since bytes are ordered alike in both. Statements are prepared once and found by their
// text; their parameters are $1, $2, …, which first appear in this order (SQLite numbers them so). Every call connects
// where there is no connection, and brings the schema up to date then. After any error there is none, and no
// transaction: the next call begins anew.
//
// Errors as in job_view.h. One thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "src/base/result.h"

namespace drover::gateway {

// Borrows its bytes for the call. Nothing: null.
using SqlValue = std::variant<std::monostate, std::int64_t, std::string_view>;

// Of a result, for the call.
class SqlRow {
public:
    virtual std::int64_t number(int column) const = 0;
    virtual std::string_view bytes(int column) const = 0;  // null: ""
    virtual bool is_null(int column) const = 0;

protected:
    ~SqlRow() = default;
};
using EachRow = std::function<void(const SqlRow&)>;

// A statement that is run for many rows of parameters at once: it inserts them, or is about the rows with these keys.
// PostgreSQL gets them all as arrays; SQLite, to which there is no way to go, row by row in the plainest form, which is
// twice as fast there as one that reads from a list.
struct RowsStatement {
    enum class Use { insert, keys };
    Use use = Use::insert;
    std::string_view before;  // "INSERT INTO t (a, b) ", or "SELECT c FROM t WHERE (a, b) "
    std::string_view types;   // a letter for each column: n is a number, b bytes
    std::string_view after = "";
};

class Database {
public:
    virtual ~Database() = default;

    // Nobody else writes until commit() or rollback(). Without it each statement is a transaction of its own.
    virtual Result<void> begin_write() = 0;
    virtual Result<void> commit() = 0;
    virtual void rollback() = 0;

    virtual Result<void> run(std::string_view sql, std::span<const SqlValue> values, const EachRow& each = {}) = 0;
    // `values`: row after row. Rows that come back are in no order.
    virtual Result<void> run(const RowsStatement& statement, std::span<const SqlValue> values,
                             const EachRow& each = {}) = 0;
    // Several statements with nothing to fill in. In them NUMBER and BYTES are the types of columns.
    virtual Result<void> define(std::string_view sql) = 0;
    virtual Result<void> empty_tables(std::span<const std::string_view> tables) = 0;

    // See JobView::lead() and follow().
    virtual Result<bool> lead() = 0;
    virtual bool has_followers() const = 0;
    virtual Result<void> announce(std::span<const std::string> texts) = 0;  // heard after the commit
    virtual Result<std::vector<std::string>> hear(std::chrono::milliseconds timeout) = 0;
    static constexpr std::size_t longest_announcement = 7900;  // printable ASCII; PostgreSQL takes less than 8,000
};

// Rolls back what was not committed.
class WriteTransaction {
public:
    explicit WriteTransaction(Database& database) : database_(database) {}
    ~WriteTransaction() {
        if (is_open_) database_.rollback();
    }
    WriteTransaction(const WriteTransaction&) = delete;
    WriteTransaction& operator=(const WriteTransaction&) = delete;

    Result<void> begin() {
        Result<void> begun = database_.begin_write();
        is_open_ = begun.has_value();
        return begun;
    }
    Result<void> commit() {
        is_open_ = false;
        return database_.commit();
    }

private:
    Database& database_;
    bool is_open_ = false;
};

}  // namespace drover::gateway
