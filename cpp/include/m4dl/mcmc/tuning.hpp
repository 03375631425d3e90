// How the setting of a kernel (its step size, and the length of its trajectories if they have one)
// follows from what its steps do in warmup. Each block of chains has a tuning; those that adapt across
// blocks meet after each step.
#pragma once

#include "m4dl/mcmc/adapt.hpp"
#include "m4dl/mcmc/any_block.hpp"
#include "m4dl/mcmc/concept.hpp"

namespace m4dl {

template <class T, class State = ChainState>
concept Tuning = requires(T& t, const T& fixed, const StepResult& result, const State& state,
                          StateVisitor& visitor, const Tell& tell) {
    typename T::Setting;   // what a kernel's step is given
    typename T::Together;  // a Meeting
    { fixed.setting() } -> std::same_as<const typename T::Setting&>;
    t.begin();  // a step that is learned from, and its end
    t.update(result, state);
    t.freeze();
    t.visit(visitor);
    fixed.report(tell);
};

// Every chain for itself, by dual averaging; a kernel without a target never begins.
class PerChain {
public:
    using Setting = Lanes;  // the step size
    using Together = Meeting;

    template <class K>
    static std::unique_ptr<Together> meeting(const K&, Index) {
        return nullptr;  // they never meet
    }
    template <class K>
    static Setting fixed(const K&, const Lanes& step_size) {
        return step_size;
    }

    template <class K>
    PerChain(const K& kernel, Together*, Chains)
        : adapt_(kernel.first_step_size(), kernel.largest_step_size(), kernel.target_acceptance()),
          step_size_(Lanes::Constant(kernel.first_step_size())) {}

    const Setting& setting() const { return step_size_; }

    void begin() { step_size_ = adapt_.log_step.exp(); }
    template <class State>
    void update(const StepResult& r, const State&) {
        adapt_.update(r.tells.select(r.tuned_by, adapt_.target));
    }
    void freeze() { step_size_ = adapt_.log_average.exp(); }
    template <class K>
    void restart(const K& kernel) {
        *this = PerChain(kernel, nullptr, {});
    }

    void visit(StateVisitor& v) {
        v.field("step_size", step_size_);
        v.field("adapt_error", adapt_.error);
        v.field("adapt_log_step", adapt_.log_step);
        v.field("adapt_log_average", adapt_.log_average);
        v.number("run", 2, adapt_.count);
    }
    void report(const Tell& tell) const { tell("step_size", step_size_); }

private:
    DualAveraging adapt_;
    Lanes step_size_;
};

static_assert(Tuning<PerChain>);

}  // namespace m4dl
