// Follows one job: asks the view for it now, and again whenever it changed. Room: gateway. Owner thread: the loop.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "gateway/core/job.h"
#include "gateway/view/view_readers.h"
#include "src/base/result.h"

namespace drover::gateway {

class JobFollower;

// Who follows which job.
class JobWatchers {
public:
    void changed(const std::string& id);
    void all_changed();
    std::size_t size() const { return followers_.size(); }

private:
    friend class JobFollower;
    std::unordered_multimap<std::string, std::weak_ptr<JobFollower>> followers_;
};

// Lives as long as somebody has it; stop() at the latest then.
class JobFollower : public std::enable_shared_from_this<JobFollower> {
public:
    using Found = Result<std::vector<JobDetail>>;  // as JobView::jobs() has it
    using Listener = std::function<void(const Found&)>;

    // `view` and `watchers` outlive it. The listener may stop() it.
    static std::shared_ptr<JobFollower> start(ViewReaders& view, JobWatchers& watchers, std::string id,
                                              Listener listener);
    ~JobFollower();
    void stop() { listener_ = nullptr; }

private:
    friend class JobWatchers;
    JobFollower(ViewReaders& view, JobWatchers& watchers, std::string id, Listener listener)
        : view_(view), watchers_(watchers), id_(std::move(id)), listener_(std::move(listener)) {}
    void changed();
    void ask();

    ViewReaders& view_;
    JobWatchers& watchers_;
    const std::string id_;
    Listener listener_;
    bool asking_ = false, again_ = false;
};

}  // namespace drover::gateway
