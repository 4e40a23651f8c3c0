#include "src/http/job_client.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "src/http/dial.h"
#include "src/http/job_connection.h"
#include "src/http/request_head.h"

namespace drover::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

// Shorter than the shortest of servers' own limits (gunicorn: 2 s), so that the connection is closed by us.
constexpr std::chrono::milliseconds idle_limit{1500};
constexpr std::chrono::milliseconds sweep_interval{500};

// Half of the time that the server grants, where it says so: "timeout=5, max=100".
Clock::duration idle_limit_of(std::string_view keep_alive) {
    constexpr std::string_view name = "timeout=";
    const auto at = keep_alive.find(name);
    if (at == std::string_view::npos) return idle_limit;
    unsigned seconds = 0;
    const auto digits = keep_alive.substr(at + name.size());
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
    if (result.ec != std::errc()) return idle_limit;
    return std::min<Clock::duration>(idle_limit, std::chrono::milliseconds(500) * std::min(seconds, 60u));
}

asio::ip::tcp::endpoint endpoint_of(const JobClientOptions& options) {
    error_code ec;
    const auto address = asio::ip::make_address(options.host, ec);
    if (ec) {
        std::fprintf(stderr, "drover: the app's host '%s' is not an IP address\n", options.host.c_str());
        std::abort();
    }
    return {address, options.port};
}

class PooledJobClient final : public JobClient, private JobConnection::Owner {
public:
    PooledJobClient(JobExecutor executor, const JobClientOptions& options, Listener& listener)
        : executor_(executor),
          endpoint_(endpoint_of(options)),
          limits_{options.max_answer_bytes, options.max_head_bytes},
          request_head_(options.host, options.port, options.path),
          listener_(listener),
          sweep_timer_(executor) {}

    ~PooledJobClient() override {
        for (const auto& connection : connections_) connection->close();
        for (const auto& dial : probes_) dial->cancel();
    }

    void send(Token token, std::span<const FieldView> headers, std::string_view body) override {
        JobConnection* connection = take_idle();
        if (connection == nullptr) connection = &add_connection();
        request_head_.write(connection->head(), headers, body.size());
        connection->begin(token, body);
    }

    void abort(Token token) override {
        for (const auto& connection : connections_) {
            if (connection->in_exchange() && connection->token() == token) return connection->abort();
        }
    }

    void probe() override {
        auto handle = std::make_shared<std::weak_ptr<Dial>>();
        auto dial = Dial::start(executor_, endpoint_, [this, handle](JobSocket, const std::string& problem) {
            std::erase(probes_, handle->lock());
            listener_.probed(problem.empty());
        });
        *handle = dial;
        probes_.push_back(std::move(dial));
    }

private:
    struct Idle {
        JobConnection* connection;
        Clock::time_point until;
    };

    // The one used last, so that those not needed grow old.
    JobConnection* take_idle() {
        if (idle_.empty()) return nullptr;
        const auto now = Clock::now();
        while (!idle_.empty()) {
            const Idle idle = idle_.back();
            idle_.pop_back();
            if (now < idle.until && idle.connection->is_quiet()) return idle.connection;
            drop(*idle.connection);
        }
        return nullptr;
    }

    JobConnection& add_connection() {
        JobConnection::Owner& owner = *this;
        connections_.push_back(std::make_shared<JobConnection>(executor_, endpoint_, limits_, owner));
        connections_.back()->slot = connections_.size() - 1;
        return *connections_.back();
    }

    void drop(JobConnection& connection) {
        const std::size_t slot = connection.slot;
        connection.close();
        std::swap(connections_[slot], connections_.back());
        connections_[slot]->slot = slot;
        connections_.pop_back();
    }

    void ended(JobConnection& connection, const Answer& answer, bool reusable) override {
        const Token token = connection.token();
        const auto keep = reusable ? idle_limit_of(connection.keep_alive()) : Clock::duration::zero();
        if (keep > Clock::duration::zero()) {
            idle_.push_back({&connection, Clock::now() + keep});
            sweep_later();
        } else {
            drop(connection);
        }
        listener_.answered(token, answer);  // may end this client
    }

    void not_taken(JobConnection& connection) override {
        JobConnection& fresh = add_connection();
        fresh.head().swap(connection.head());
        const Token token = connection.token();
        const std::string_view body = connection.body();
        drop(connection);
        fresh.begin(token, body);
    }

    void sweep_later() {
        if (sweeping_) return;
        sweeping_ = true;
        sweep_timer_.expires_after(sweep_interval);
        // One that is due already can no longer be cancelled, and may come after this client.
        sweep_timer_.async_wait([this, alive = std::weak_ptr<const bool>(alive_)](error_code ec) {
            if (!ec && !alive.expired()) sweep();
        });
    }

    void sweep() {
        sweeping_ = false;
        const auto now = Clock::now();
        std::erase_if(idle_, [&](const Idle& idle) {
            const bool over = idle.until <= now;
            if (over) drop(*idle.connection);
            return over;
        });
        if (!idle_.empty()) sweep_later();
    }

    JobExecutor executor_;
    asio::ip::tcp::endpoint endpoint_;
    AnswerLimits limits_;
    RequestHead request_head_;
    Listener& listener_;
    std::vector<std::shared_ptr<JobConnection>> connections_;
    std::vector<Idle> idle_;
    std::vector<std::shared_ptr<Dial>> probes_;
    JobTimer sweep_timer_;
    bool sweeping_ = false;
    std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace

std::unique_ptr<JobClient> JobClient::create(boost::asio::io_context::executor_type executor,
                                             const JobClientOptions& options, Listener& listener) {
    return std::make_unique<PooledJobClient>(executor, options, listener);
}

}  // namespace drover::http
