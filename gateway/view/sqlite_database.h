// A Database in a file of SQLite's. Room: gateway/view.
//
// In WAL mode, so that readers do not wait for the feeder, and with synchronous=NORMAL: the last transactions may be
// lost with the machine's power, but the file stays whole, and the positions are lost together with the rows, so that
// what is missing is read from Kafka again. Waiting for the disk at each commit would buy nothing.
//
// Before a transaction the file's identity is compared with the open one's: a file that was deleted or exchanged below
// us is opened anew. A damaged file is renamed to <file>.damaged, for whoever wants to look at it, and begun anew.
#pragma once

#include <memory>
#include <string>

#include "gateway/view/database.h"
#include "src/base/time.h"

namespace drover::gateway {

std::unique_ptr<Database> make_sqlite_database(std::string path, Duration patience);

}  // namespace drover::gateway
