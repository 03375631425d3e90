// Any forward model at run time: one virtual call per block of PDE solves hides the type.
#pragma once

#include <memory>
#include <string>

#include "m4dl/base/require.hpp"
#include "m4dl/model/concept.hpp"
#include "m4dl/solve/reference_state.hpp"

namespace m4dl {

class AnyModel {
public:
    // A model at work on one block of chains: the model and its workspace.
    struct Work {
        virtual ~Work() = default;
        virtual void forward(const Block& theta, Block& y) = 0;
        virtual void pull(const Block& dy, Block& dtheta) = 0;
        virtual void push(const Block& dtheta, Block& dy) = 0;
        // Of an iterative solver, in the last solve of the last call; 0 without one.
        virtual Lanes iterations() const = 0;
        virtual void refer(const SharedReferenceState& reference) = 0;
    };

    template <ForwardModel M>
    explicit AnyModel(std::shared_ptr<const M> model) : self_(std::make_shared<Self<M>>(model)) {}

    Index parameters() const { return self_->parameters(); }
    Index outputs() const { return self_->outputs(); }
    bool has_pull() const { return self_->has_pull(); }
    bool has_push() const { return self_->has_push(); }
    // How its linear systems are solved, where there are any, and whether one solve is large enough
    // for several threads.
    std::string solver() const { return self_->solver(); }
    bool threaded() const { return self_->threaded(); }
    // What its solver prepares at one state for all chains; null where there is no such thing.
    SharedReferenceState reference(const Vector& theta) const { return self_->reference(theta); }
    std::unique_ptr<Work> work(Chains chains) const { return self_->work(chains); }

private:
    struct Concept {
        virtual ~Concept() = default;
        virtual Index parameters() const = 0;
        virtual Index outputs() const = 0;
        virtual bool has_pull() const = 0;
        virtual bool has_push() const = 0;
        virtual std::string solver() const = 0;
        virtual bool threaded() const = 0;
        virtual SharedReferenceState reference(const Vector& theta) const = 0;
        virtual std::unique_ptr<Work> work(Chains chains) const = 0;
    };

    template <class M>
    struct AtWork final : Work {
        AtWork(std::shared_ptr<const M> m, Chains chains)
            : model(std::move(m)), workspace(model->workspace(chains)) {}
        void forward(const Block& theta, Block& y) override { model->forward(theta, y, workspace); }
        void pull(const Block& dy, Block& dtheta) override {
            if constexpr (HasPull<M>) model->pull(dy, dtheta, workspace);
        }
        void push(const Block& dtheta, Block& dy) override {
            if constexpr (HasPush<M>) model->push(dtheta, dy, workspace);
        }
        Lanes iterations() const override {
            if constexpr (requires { workspace.solver->iterations(); })
                return workspace.solver->iterations();
            return Lanes::Zero();
        }
        void refer(const SharedReferenceState& reference) override {
            if constexpr (requires { workspace.solver->refer(reference); })
                workspace.solver->refer(reference);
        }
        std::shared_ptr<const M> model;
        typename M::Workspace workspace;
    };

    template <class M>
    struct Self final : Concept {
        explicit Self(std::shared_ptr<const M> m) : model(std::move(m)) {}
        Index parameters() const override { return model->parameters(); }
        Index outputs() const override { return model->outputs(); }
        bool has_pull() const override {
            // A model whose gradient is optional (a user's Python function) says so itself.
            if constexpr (requires { model->has_pull(); }) return model->has_pull();
            return HasPull<M>;
        }
        bool has_push() const override { return HasPush<M>; }
        std::string solver() const override {
            if constexpr (requires { model->solver().name(); }) return model->solver().name();
            return {};
        }
        bool threaded() const override {
            if constexpr (requires { model->solver().threaded(); })
                return model->solver().threaded();
            return false;
        }
        SharedReferenceState reference(const Vector& theta) const override {
            if constexpr (requires { model->reference(theta); }) return model->reference(theta);
            return nullptr;
        }
        std::unique_ptr<Work> work(Chains chains) const override {
            return std::make_unique<AtWork<M>>(model, chains);
        }
        std::shared_ptr<const M> model;
    };

    std::shared_ptr<const Concept> self_;
};

}  // namespace m4dl
