// A Database in PostgreSQL, in the schema "drover" of the database that the connection string names. Room:
// gateway/view.
//
// With synchronous_commit=off, as SQLite with synchronous=NORMAL and for the same reason: what is lost with the server
// is lost together with the positions. Rows go as arrays, in one statement for all of a batch. Each statement is a
// look-up in an index or a walk along one; the planner, whose statistics are wrong while a view is rebuilt, is not let
// to think of anything else.
#pragma once

#include <memory>
#include <string>

#include "gateway/view/database.h"
#include "src/base/time.h"

namespace drover::gateway {

// Nothing where `connection` is a connection string of libpq's, else what is wrong with it.
std::string postgres_fault(const std::string& connection);

std::unique_ptr<Database> make_postgres_database(std::string connection, Duration patience);

}  // namespace drover::gateway
