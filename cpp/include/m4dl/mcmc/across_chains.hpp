// One step size and one trajectory length for all chains, by what all of them did: see chees.hpp.
#pragma once

#include <vector>

#include "m4dl/mcmc/chees.hpp"
#include "m4dl/mcmc/tuning.hpp"

namespace m4dl {

struct LengthSetting {
    Lanes step_size;
    double trajectory;
    const Vector* centre = nullptr;  // of the chains, while they adapt
};

// A chain state that tells of the gradient of the length.
struct GrowingState : ChainState {
    using ChainState::ChainState;
    Lanes growth = Lanes::Zero();
};

class CheesMeeting;

// A block's part in it.
class AcrossChains {
public:
    using Setting = LengthSetting;
    using Together = CheesMeeting;

    template <class K>
    static std::unique_ptr<Together> meeting(const K& kernel, Index white);
    template <class K>
    static Setting fixed(const K& kernel, const Lanes& step_size) {
        return {step_size, kernel.first_trajectory()};
    }
    template <class K>
    AcrossChains(const K& kernel, Together* together, Chains chains);
    AcrossChains(const AcrossChains&) = delete;

    const Setting& setting() const { return setting_; }
    void begin() {}
    void update(const StepResult& r, const GrowingState& state) {
        result_ = r;
        state_ = &state;
    }
    void freeze() {}  // the meeting does
    template <class K>
    void restart(const K& kernel) {
        setting_.step_size.setConstant(kernel.first_step_size());
        setting_.trajectory = kernel.first_trajectory();
    }

    void visit(StateVisitor& v) {
        v.field("step_size", setting_.step_size);
        v.number("run", 4, setting_.trajectory);
    }
    void report(const Tell& tell) const {
        tell("step_size", setting_.step_size);
        tell("trajectory", Lanes::Constant(setting_.trajectory));
    }

private:
    friend class CheesMeeting;
    Setting setting_;
    StepResult result_;
    const GrowingState* state_ = nullptr;
    Chains chains_;
};

static_assert(Tuning<AcrossChains, GrowingState>);

class CheesMeeting final : public Meeting {
public:
    template <class K>
    CheesMeeting(const K& kernel, Index white)
        : first_(kernel.first_step_size(), kernel.largest_step_size(), kernel.target_acceptance(),
                 kernel.first_trajectory(), white),
          shared_(first_),
          most_(kernel.most),
          mean_(white) {}

    void join(AcrossChains& block) { blocks_.push_back(&block); }

    void open() override { hand_out(shared_.step_size(), shared_.length(), &shared_.centre); }
    void freeze() override {
        hand_out(shared_.averaged_step_size(), shared_.averaged_length(), nullptr);
    }
    void restart() override { shared_ = first_; }

    // The sums run over the chains in their order.
    void close() override {
        if (!blocks_[0]->result_.tells[0]) return;  // of all chains alike
        double weight = 0.0, growth = 0.0, count = 0.0;
        mean_.setZero();
        for (const AcrossChains* b : blocks_)
            for (Index l = 0; l < b->chains_.count; ++l) {
                const double p = b->result_.probability[l];
                weight += p;
                if (p > 0.0) growth += p * b->state_->growth[l];
                mean_ += b->state_->xi.col(l).matrix();
                count += 1.0;
            }
        mean_ /= count;
        shared_.update(weight / count, growth / weight, mean_, most_);
    }
    void visit(const std::function<void(double&)>& number) override { shared_.visit(number); }

private:
    void hand_out(const Lanes& step_size, double length, const Vector* centre) {
        for (AcrossChains* b : blocks_) b->setting_ = {step_size, length, centre};
    }

    Chees first_, shared_;
    Index most_;
    Vector mean_;
    std::vector<AcrossChains*> blocks_;
};

template <class K>
std::unique_ptr<CheesMeeting> AcrossChains::meeting(const K& kernel, Index white) {
    return std::make_unique<CheesMeeting>(kernel, white);
}
template <class K>
AcrossChains::AcrossChains(const K& kernel, Together* together, Chains chains)
    : setting_(fixed(kernel, Lanes::Constant(kernel.first_step_size()))), chains_(chains) {
    together->join(*this);
}

}  // namespace m4dl
