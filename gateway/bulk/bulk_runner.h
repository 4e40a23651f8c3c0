// Runs bulk operations, and what else has to wait for Kafka about failed jobs, for the gateway's loop. Room:
// gateway/bulk.
//
// Owner thread: the loop, for all calls and callbacks; nothing blocks, but the destructor, which waits for transactions
// under way (up to 10 s where Kafka does not answer). Which operations to run is the caller's to say.
#pragma once

#include <utility>  // before Boost 1.74's coroutine headers, which forget it

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>

#include "gateway/bulk/bulk_run.h"
#include "gateway/bulk/dry_run.h"
#include "gateway/bulk/empty_queue.h"
#include "gateway/bulk/retry_one.h"

namespace drover::gateway {

class BulkRunner {
public:
    BulkRunner(kafka::Settings kafka, JobViewSettings view, boost::asio::any_io_executor owner);
    ~BulkRunner();

    static constexpr std::size_t most_runs = 32;
    std::size_t runs() const { return runs_.size(); }
    // By <queue>/<id>; null: it does not run here.
    BulkRun* run(const std::string& name) const;
    // `ended` is called once, when it does not run any more.
    void start(std::shared_ptr<const KnownQueue> queue, const BulkOperation& operation, std::string token,
               std::function<void(BulkRun::End, std::string trouble)> ended);

    // `question` is called by a thread with the context and returns a Result; `answer` gets it, on the loop.
    template <class Question, class Answer>
    void ask(Question question, Answer answer) {
        using Asked = std::invoke_result_t<Question&, BulkContext&>;
        enqueue([this, question = std::move(question), answer = std::move(answer)]() mutable {
            post([answer = std::move(answer), asked = Asked(question(context_))]() mutable {
                answer(std::move(asked));
            });
        });
    }

private:
    void enqueue(std::function<void()> task);
    void post(std::function<void()> then);
    void serve(const std::stop_token& stop);

    const boost::asio::any_io_executor owner_;
    const std::shared_ptr<bool> is_alive_ = std::make_shared<bool>(true);
    BulkContext context_;
    std::map<std::string, std::unique_ptr<BulkRun>> runs_;

    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::deque<std::function<void()>> tasks_;  // under the mutex
    std::vector<std::jthread> threads_;        // the last
};

}  // namespace drover::gateway
