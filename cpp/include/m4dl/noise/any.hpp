// Any noise at run time: one virtual call per block.
#pragma once

#include <functional>
#include <memory>

#include "m4dl/noise/concept.hpp"

namespace m4dl {

class AnyNoise {
public:
    struct Work {
        virtual ~Work() = default;
        virtual Lanes misfit(const Block& y, const Block& data) = 0;
        virtual void slope(const Block& y, const Block& data, Block& out) = 0;
        virtual void fisher(Block& out) = 0;
    };

    template <Likelihood N>
    explicit AnyNoise(std::shared_ptr<const N> noise)
        : size_(noise->size()),
          make_work_([noise] { return std::make_unique<AtWork<N>>(noise); }) {}

    Index size() const { return size_; }
    std::unique_ptr<Work> work() const { return make_work_(); }

private:
    template <class N>
    struct AtWork final : Work {
        explicit AtWork(std::shared_ptr<const N> n)
            : noise(std::move(n)), workspace(noise->workspace()) {}
        Lanes misfit(const Block& y, const Block& data) override {
            return noise->misfit(y, data, workspace);
        }
        void slope(const Block& y, const Block& data, Block& out) override {
            noise->slope(y, data, out, workspace);
        }
        void fisher(Block& out) override { noise->fisher(out, workspace); }
        std::shared_ptr<const N> noise;
        typename N::Workspace workspace;
    };

    Index size_;
    std::function<std::unique_ptr<Work>()> make_work_;
};

}  // namespace m4dl
