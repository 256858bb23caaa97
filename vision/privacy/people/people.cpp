#include "people.h"

#include <cstdio>
#include <exception>
#include <opencv2/core.hpp>
#include <opencv2/objdetect.hpp>
#include <vector>

namespace {

// The descriptor is only read once it is made; C++ makes it once.
const cv::HOGDescriptor &descriptor() {
	static const cv::HOGDescriptor hog = [] {
		cv::HOGDescriptor made;
		made.setSVMDetector(cv::HOGDescriptor::getDefaultPeopleDetector());
		return made;
	}();
	return hog;
}

} // namespace

// No exception may cross into Go.
int people_find(unsigned char *grey, int width, int height, double least, int padding, people_box *boxes, int room, char *message, int message_size) {
	try {
		const cv::Mat picture(height, width, CV_8UC1, grey);
		std::vector<cv::Rect> found;
		std::vector<double> scores;
		// 0 is the separating plane; scores are those of the best of the windows
		// that were made one.
		descriptor().detectMultiScale(picture, found, scores, 0, cv::Size(8, 8), cv::Size(padding, padding), 1.05, 2.0, false);
		int n = 0;
		for (size_t i = 0; i < found.size() && n < room; i++) {
			if (scores[i] < least) continue;
			const cv::Rect &r = found[i];
			boxes[n++] = people_box{r.x, r.y, r.width, r.height};
		}
		return n;
	} catch (const std::exception &e) {
		std::snprintf(message, message_size, "%s", e.what());
	} catch (...) {
		std::snprintf(message, message_size, "unknown exception");
	}
	return -1;
}
