// A few threads with a connection each, which ask the view for the gateway's loop. Room: gateway/view.
//
//   readers.ask([id](JobView& view) { return view.jobs(id); },
//               [this](Result<std::vector<JobDetail>> jobs) { answer(std::move(jobs)); });
#pragma once

#include <utility>  // before Boost 1.74's coroutine headers, which forget it

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>

#include "gateway/view/job_view.h"
#include "src/base/result.h"

namespace drover::gateway {

struct ReaderOptions {
    int threads = 4;
    std::size_t most_waiting = 1024;  // questions; more are answered with `unavailable` at once
};

// ask() by any thread. Answers come on `owner`, in any order; none after the destructor, which waits for the questions
// under way and drops the others.
class ViewReaders {
public:
    // `invalid` as open_job_view() has it. Connects with the first question.
    static Result<std::unique_ptr<ViewReaders>> create(const JobViewSettings& settings, const ReaderOptions& options,
                                                       boost::asio::any_io_executor owner);
    ~ViewReaders();

    // Of many questions at a time a thread takes several that look at a row or two: else most of the time would go into
    // waking each other up.
    enum class Cost { any, few_rows };

    // `question` is called with a JobView by one of the threads and returns a Result; `answer` gets it. Both are
    // copyable.
    template <class Question, class Answer>
    void ask(Question question, Answer answer, Cost cost = Cost::any) {
        using Asked = std::invoke_result_t<Question&, JobView&>;
        Task task = [question = std::move(question), answer](JobView& view) mutable -> std::function<void()> {
            return [answer = std::move(answer), asked = question(view)]() mutable { answer(std::move(asked)); };
        };
        if (enqueue(std::move(task), cost)) return;
        post([answer = std::move(answer)]() mutable {
            answer(Asked(failure(Error::Code::unavailable, "too many questions wait for the view of jobs", true)));
        });
    }

private:
    class Pool;
    using Task = std::function<std::function<void()>(JobView&)>;  // of a thread; what it returns is the owner's
    explicit ViewReaders(std::unique_ptr<Pool> pool);

    bool enqueue(Task task, Cost cost);
    void post(std::function<void()> answer);

    std::unique_ptr<Pool> pool_;
};

}  // namespace drover::gateway
